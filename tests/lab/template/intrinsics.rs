//! CloudFormation's intrinsic functions, parameters, conditions and mappings.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{TemplateError, fault};

/// Deeper than any sensible template nests; a reference in a circle ends here.
const MAX_DEPTH: usize = 64;

/// Resolves values of one template.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    document: &'a Value,
    /// Name of the stack.
    stack: &'a str,
    resources: &'a Map<String, Value>,
    parameters: BTreeMap<String, Value>,
}

type Resolved = Result<Option<Value>, String>;

impl<'a> Resolver<'a> {
    pub(super) fn new(
        document: &'a Value,
        stack: &'a str,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let resources = document.get("Resources").and_then(Value::as_object);
        let resources = resources.ok_or_else(|| fault("Resources", "the template has none"))?;
        let declared = document.get("Parameters").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(unknown) = overrides.keys().find(|name| !declared.contains_key(*name)) {
            return Err(fault("Parameters", format!("there is no parameter {unknown}")));
        }
        let mut parameters = BTreeMap::new();
        for (name, declaration) in &declared {
            let given = overrides.get(name).map(|text| Value::from(text.as_str()));
            let Some(value) = given.or_else(|| declaration.get("Default").cloned()) else { continue };
            let kind = declaration.get("Type").and_then(Value::as_str).unwrap_or_default();
            parameters.insert(name.clone(), typed(kind, &value));
        }
        Ok(Self { document, stack, resources, parameters })
    }

    /// Name of the stack.
    pub(super) fn stack(&self) -> &'a str {
        self.stack
    }

    /// All resources, in the order of the template.
    pub(super) fn resources(&self) -> &'a Map<String, Value> {
        self.resources
    }

    /// The section `Outputs`, unresolved.
    pub(super) fn outputs(&self) -> Option<&'a Map<String, Value>> {
        self.document.get("Outputs")?.as_object()
    }

    /// `Globals.Function`, unresolved.
    pub(super) fn global(&self, property: &str) -> Option<&'a Value> {
        self.document.get("Globals")?.get("Function")?.get(property)
    }

    /// Whether a condition holds.
    pub(super) fn condition(&self, name: &str) -> Result<bool, String> {
        let definition = self.document.get("Conditions").and_then(|conditions| conditions.get(name));
        self.truth(definition.ok_or_else(|| format!("there is no condition {name}"))?, 0)
    }

    /// A value with everything in it resolved; `None` for `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Value) -> Resolved {
        self.at(value, 0)
    }

    fn at(&self, value: &Value, depth: usize) -> Resolved {
        if depth > MAX_DEPTH {
            return Err("a reference leads back to itself".to_owned());
        }
        let depth = depth + 1;
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.at(item, depth)).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(Value::Array(items.into_iter().flatten().collect())))
            }
            Value::Object(object) => {
                if let (1, Some((key, argument))) = (object.len(), object.iter().next())
                    && (key == "Ref" || key.starts_with("Fn::"))
                {
                    return self.function(key, argument, depth);
                }
                let mut resolved = Map::new();
                for (key, value) in object {
                    if let Some(value) = self.at(value, depth)? {
                        resolved.insert(key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(resolved)))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    fn function(&self, name: &str, argument: &Value, depth: usize) -> Resolved {
        let arguments = || argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, arguments()) {
            ("Ref", _) => self.reference(argument.as_str().unwrap_or_default(), depth),
            ("Fn::GetAtt", [id, attribute]) => {
                let (id, attribute) = (id.as_str().unwrap_or_default(), attribute.as_str().unwrap_or_default());
                self.attribute(id, attribute, depth).map(Some)
            }
            ("Fn::Sub", []) => self.substitute(argument.as_str().unwrap_or_default(), &Map::new(), depth).map(Some),
            ("Fn::Sub", [text, variables]) => {
                let variables = self.at(variables, depth)?.and_then(|value| value.as_object().cloned());
                self.substitute(text.as_str().unwrap_or_default(), &variables.unwrap_or_default(), depth).map(Some)
            }
            ("Fn::If", [condition, yes, no]) => {
                let holds = self.condition(condition.as_str().unwrap_or_default())?;
                self.at(if holds { yes } else { no }, depth)
            }
            ("Fn::Join", [separator, items]) => {
                let items = self.list(items, depth)?;
                let texts = items.iter().map(text).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(texts.join(separator.as_str().unwrap_or_default()).into()))
            }
            ("Fn::Split", [separator, source]) => {
                let source = self.at(source, depth)?.unwrap_or_default();
                let separator = separator.as_str().unwrap_or_default();
                Ok(Some(text(&source)?.split(separator).map(Value::from).collect()))
            }
            ("Fn::Select", [index, items]) => {
                let index = self.at(index, depth)?.and_then(|index| text(&index).ok()?.parse::<usize>().ok());
                let items = self.list(items, depth)?;
                let chosen = index.and_then(|index| items.get(index).cloned());
                chosen.map(Some).ok_or_else(|| "Fn::Select is out of range".to_owned())
            }
            ("Fn::FindInMap", [map, first, second]) => {
                let key = |key: &Value| self.at(key, depth).and_then(|key| text(&key.unwrap_or_default()));
                let (map, first, second) = (key(map)?, key(first)?, key(second)?);
                let found = self.document.get("Mappings").and_then(|maps| maps.get(&map)?.get(&first)?.get(&second));
                found.cloned().map(Some).ok_or_else(|| format!("Fn::FindInMap {map}.{first}.{second} finds nothing"))
            }
            ("Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or", _) => {
                Err(format!("{name} belongs into the section Conditions"))
            }
            _ => Err(format!("{name} is not known to the lab in this form")),
        }
    }

    fn truth(&self, condition: &Value, depth: usize) -> Result<bool, String> {
        if depth > MAX_DEPTH {
            return Err("a condition leads back to itself".to_owned());
        }
        let depth = depth + 1;
        let Some((name, argument)) = condition.as_object().and_then(|object| object.iter().next()) else {
            return Err(format!("{condition} is not a condition"));
        };
        let arguments = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name.as_str(), arguments) {
            ("Condition", _) => self.condition(argument.as_str().unwrap_or_default()),
            ("Fn::Equals", [left, right]) => {
                let (left, right) =
                    (self.at(left, depth)?.unwrap_or_default(), self.at(right, depth)?.unwrap_or_default());
                Ok(left == right || matches!((text(&left), text(&right)), (Ok(left), Ok(right)) if left == right))
            }
            ("Fn::Not", [inner]) => self.truth(inner, depth).map(|holds| !holds),
            ("Fn::And", inner) => inner.iter().try_fold(true, |all, each| Ok(all & self.truth(each, depth)?)),
            ("Fn::Or", inner) => inner.iter().try_fold(false, |any, each| Ok(any | self.truth(each, depth)?)),
            _ => Err(format!("{name} is not known to the lab as a condition")),
        }
    }

    fn list(&self, value: &Value, depth: usize) -> Result<Vec<Value>, String> {
        match self.at(value, depth)? {
            Some(Value::Array(items)) => Ok(items),
            other => Err(format!("{} is not a list", other.unwrap_or_default())),
        }
    }

    fn reference(&self, name: &str, depth: usize) -> Resolved {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => Some("123456789012"),
            "AWS::Region" => Some("eu-west-1"),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackName" => Some(self.stack),
            "AWS::StackId" => Some("arn:aws:cloudformation:eu-west-1:123456789012:stack/steward/lab"),
            _ => None,
        };
        if let Some(value) = pseudo {
            return Ok(Some(value.into()));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        if self.resources.contains_key(name) {
            return super::resources::reference(self, name, depth).map(|text| Some(text.into()));
        }
        let declared = self.document.get("Parameters").is_some_and(|parameters| parameters.get(name).is_some());
        Err(if declared { format!("parameter {name} has no value") } else { format!("there is nothing named {name}") })
    }

    fn attribute(&self, id: &str, attribute: &str, depth: usize) -> Result<Value, String> {
        if !self.resources.contains_key(id) {
            return Err(format!("there is no resource {id}"));
        }
        super::resources::attribute(self, id, attribute, depth).map(Value::from)
    }

    fn substitute(&self, template: &str, variables: &Map<String, Value>, depth: usize) -> Result<Value, String> {
        let mut result = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`{template}` has an open ${{"))?;
            result.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
            } else {
                let value = match (variables.get(name), name.split_once('.')) {
                    (Some(value), _) => value.clone(),
                    (None, Some((id, attribute))) => self.attribute(id, attribute, depth)?,
                    (None, None) => self.reference(name, depth)?.unwrap_or_default(),
                };
                result.push_str(&text(&value)?);
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result.into())
    }

    /// A property of a resource, resolved from within another resolution.
    pub(super) fn property(&self, id: &str, property: &str, depth: usize) -> Resolved {
        let value = self.resources.get(id).and_then(|resource| resource.get("Properties")?.get(property));
        value.map_or(Ok(None), |value| self.at(value, depth))
    }
}

/// A scalar as the text that CloudFormation makes of it.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        other => Err(format!("{other} is not text")),
    }
}

fn typed(kind: &str, value: &Value) -> Value {
    let as_text = text(value).unwrap_or_default();
    if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        return as_text.split(',').map(|part| Value::from(part.trim())).collect();
    }
    as_text.into()
}
