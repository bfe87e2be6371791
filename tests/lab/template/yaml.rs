//! YAML with CloudFormation's short tags, turned into JSON with their long form.

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

/// Parses a document.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let yaml: Yaml = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
    convert(yaml)
}

fn convert(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => {
            let whole = number.as_i64().map(Value::from);
            whole.unwrap_or_else(|| number.as_f64().map_or(Value::Null, Value::from))
        }
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(convert).collect::<Result<_, _>>()?),
        Yaml::Mapping(mapping) => {
            let mut object = Map::new();
            for (key, value) in mapping {
                let key = match key {
                    Yaml::String(text) => text,
                    Yaml::Number(number) => number.to_string(),
                    Yaml::Bool(value) => value.to_string(),
                    other => return Err(format!("a key that is not text: {other:?}")),
                };
                object.insert(key, convert(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let value = convert(tagged.value)?;
            match (tag, &value) {
                ("Ref" | "Condition", _) => json!({ tag: value }),
                ("GetAtt", Value::String(path)) => {
                    let (id, attribute) =
                        path.split_once('.').ok_or_else(|| format!("!GetAtt {path} names no attribute"))?;
                    json!({ "Fn::GetAtt": [id, attribute] })
                }
                _ => json!({ format!("Fn::{tag}"): value }),
            }
        }
    })
}
