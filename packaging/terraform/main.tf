# Steward as its own CloudFormation stack, with the zips and the template of one release in a bucket of yours. The stack is what is
# tested and released; this module only hands it over, and so has nothing to drift.

variable "release" {
  description = "Folder with the files of one release: the zips and steward.template.json, as downloaded and checked."
  type        = string
}

variable "artifact_bucket" {
  description = "Bucket in the region of the stack, into which the zips and the template are put."
  type        = string
}

variable "artifact_prefix" {
  description = "What stands before the names of the files in the bucket."
  type        = string
  default     = "steward/"

  validation {
    condition     = var.artifact_prefix == "" || endswith(var.artifact_prefix, "/")
    error_message = "artifact_prefix must be empty or end in /."
  }
}

variable "stack_name" {
  description = "Name of the stack. Snapshots belong to the stack of this name: under another one their owner is another."
  type        = string
  default     = "steward"
}

variable "tags" {
  description = "Tags of the stack, which CloudFormation puts on what is in it."
  type        = map(string)
  default     = {}
}

variable "deployment_role_arn" {
  description = "Role (ARN) with which CloudFormation makes the stack. Null means your own rights."
  type        = string
  default     = null
}

locals {
  template = "${var.release}/steward.template.json"
  zips     = fileset(var.release, "*.zip")
  # Another template has another name: CloudFormation is told of an update only when the address changes.
  template_key = "${var.artifact_prefix}steward-${substr(filesha256(local.template), 0, 16)}.template.json"
}

data "aws_s3_bucket" "artifacts" {
  bucket = var.artifact_bucket
}

resource "aws_s3_object" "zip" {
  for_each = local.zips

  bucket      = data.aws_s3_bucket.artifacts.id
  key         = "${var.artifact_prefix}${each.value}"
  source      = "${var.release}/${each.value}"
  source_hash = filesha256("${var.release}/${each.value}")
}

resource "aws_s3_object" "template" {
  bucket       = data.aws_s3_bucket.artifacts.id
  key          = local.template_key
  source       = local.template
  content_type = "application/json"
}

resource "aws_cloudformation_stack" "steward" {
  name         = var.stack_name
  template_url = "https://${data.aws_s3_bucket.artifacts.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM"]
  iam_role_arn = var.deployment_role_arn
  tags         = var.tags

  parameters = merge(local.parameters, {
    ArtifactBucket = data.aws_s3_bucket.artifacts.id
    ArtifactPrefix = var.artifact_prefix
  })

  depends_on = [aws_s3_object.zip]
}
