//! Any stack, resource by resource with its properties resolved: what CloudFormation would create of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::intrinsics::{Resolver, text};
use super::{TemplateError, fault, yaml};

/// A stack of a template and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// What is in it, in the order of the template.
    pub resources: Vec<Resource>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// One resource of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Logical id.
    pub id: String,
    /// Type, such as `AWS::ECS::Service`.
    pub kind: String,
    /// What `Ref` gives.
    pub reference: String,
    /// The properties, with their names as in the template.
    pub properties: Value,
}

impl Stack {
    /// Reads a template, with `parameters` over the defaults that it declares.
    ///
    /// # Errors
    /// Names the resource or output in which something cannot be resolved: a parameter without a value, an attribute that is
    /// not known here.
    pub fn read(name: &str, template: &str, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let document = yaml::parse(template).map_err(|problem| fault("document", problem))?;
        let resolver = Resolver::new(&document, name, parameters)?;
        let mut stack = Self { name: name.to_owned(), resources: Vec::new(), outputs: BTreeMap::new() };
        for (id, resource) in resolver.resources() {
            let at = |problem: String| fault(id, problem);
            if let Some(condition) = resource.get("Condition").and_then(Value::as_str)
                && !resolver.condition(condition).map_err(at)?
            {
                continue;
            }
            let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
            let properties = resource.get("Properties").cloned().unwrap_or_default();
            let properties = resolver.resolve(&properties).map_err(at)?.unwrap_or_default();
            let reference = super::resources::reference(&resolver, id, 0).map_err(at)?;
            stack.resources.push(Resource { id: id.clone(), kind, reference, properties });
        }
        for (id, output) in resolver.outputs().into_iter().flatten() {
            let value = output.get("Value").cloned().unwrap_or_default();
            let value = resolver.resolve(&value).map_err(|problem| fault(id, problem))?.unwrap_or_default();
            stack.outputs.insert(id.clone(), text(&value).map_err(|problem| fault(id, problem))?);
        }
        Ok(stack)
    }

    /// The resources of one type.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Image: { Type: String }
  Size: { Type: String, Default: small }
Conditions:
  Large: !Equals [!Ref Size, large]
Resources:
  Cluster: { Type: AWS::ECS::Cluster, Properties: { ClusterName: !Ref AWS::StackName } }
  Definition:
    Type: AWS::ECS::TaskDefinition
    Properties: { Family: !Sub "${AWS::StackName}-api", ContainerDefinitions: [{ Name: api, Image: !Ref Image }] }
  Service:
    Type: AWS::ECS::Service
    Properties: { ServiceName: api, Cluster: !Ref Cluster, TaskDefinition: !Ref Definition }
  Spare: { Type: AWS::ECS::Cluster, Condition: Large }
Outputs:
  Service: { Value: !Ref Service }
"#;

    fn read(parameters: &[(&str, &str)]) -> Result<Stack, TemplateError> {
        let given = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Stack::read("shop", TEMPLATE, &given)
    }

    #[test]
    fn a_stack_has_its_own_name_its_references_and_its_outputs() {
        let stack = read(&[("Image", "api:1")]).unwrap();
        let service = stack.of("AWS::ECS::Service").next().unwrap();
        assert_eq!(service.reference, "arn:aws:ecs:eu-west-1:123456789012:service/shop/api");
        assert_eq!(
            service.properties["TaskDefinition"],
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-api:1"
        );
        assert_eq!(stack.outputs["Service"], service.reference);
        assert_eq!(stack.of("AWS::ECS::Cluster").count(), 1);
        assert_eq!(read(&[("Image", "api:1"), ("Size", "large")]).unwrap().of("AWS::ECS::Cluster").count(), 2);
    }

    #[test]
    fn a_parameter_without_a_value_is_an_error_that_names_the_resource() {
        let error = read(&[]).unwrap_err();
        assert_eq!((error.at.as_str(), error.problem.as_str()), ("Definition", "parameter Image has no value"));
    }
}
