// The Lambda that teams write: a push of an image rolls the services that carry a tag and run it. It makes the calls that
// `deploy` makes for the same push, in the same order.

import { BatchGetItemCommand, DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { DescribeImagesCommand, ECRClient } from "@aws-sdk/client-ecr";
import {
  DescribeServiceRevisionsCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { GetResourcesCommand, ResourceGroupsTaggingAPIClient } from "@aws-sdk/client-resource-groups-tagging-api";

const ecs = new ECSClient({});
const ecr = new ECRClient({});
const tagging = new ResourceGroupsTaggingAPIClient({});
const dynamodb = new DynamoDBClient({});
const TableName = process.env.STEWARD_TABLE;

export async function handle(event) {
  for (const record of event.Records) {
    const message = JSON.parse(record.body);
    if (message["detail-type"] === "ECR Image Action") await push(message.detail);
  }
  return { batchItemFailures: [] };
}

async function push(pushed) {
  const found = await tagging.send(
    new GetResourcesCommand({ ResourceTypeFilters: ["ecs:service"], TagFilters: [{ Key: "steward:deploy" }] }),
  );
  for (const { ResourceARN: arn } of found.ResourceTagMappingList) {
    const key = { pk: { S: arn }, sk: { S: "TWIN" } };
    await dynamodb.send(
      new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys: [key], ConsistentRead: true } } }),
    );
    const cluster = arn.split("/")[1];
    const described = await ecs.send(new DescribeServicesCommand({ cluster, services: [arn], include: ["TAGS"] }));
    const [service] = described.services;
    const answer = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: service.taskDefinition }));
    const images = answer.taskDefinition.containerDefinitions.map((container) => container.image);
    const image = `${pushed["repository-name"]}:${pushed["image-tag"]}`;
    if (!images.some((name) => name.endsWith(image))) continue;
    await ecr.send(new DescribeImagesCommand({ repositoryName: pushed["repository-name"], maxResults: 1000 }));
    const serviceRevisionArns = service.currentServiceRevisions.map((revision) => revision.arn);
    const revisions = await ecs.send(new DescribeServiceRevisionsCommand({ serviceRevisionArns }));
    const digests = revisions.serviceRevisions.flatMap((one) => one.containerImages.map((image) => image.imageDigest));
    if (digests.includes(pushed["image-digest"])) continue;
    const put = (data) => dynamodb.send(new PutItemCommand({ TableName, Item: { ...key, data: { S: data } } }));
    await put(pushed["image-digest"]);
    await ecs.send(new UpdateServiceCommand({ cluster, service: arn, forceNewDeployment: true }));
    await put("rolled");
  }
}
