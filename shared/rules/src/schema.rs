use serde_json::{Value, json};

use crate::{document::Document, rules::DATASET_ONLY};

/// The JSON schema of `lake.toml`, for editors: made of the types that read it.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    // `[defaults]` has the fields of a dataset, but for those that say which one.
    let mut defaults = schema["$defs"]["Dataset"].clone();
    defaults["description"] = json!("What a dataset does not say.");
    if let Some(fields) = defaults["properties"].as_object_mut() {
        fields.retain(|name, _| !DATASET_ONLY.contains(&name.as_str()));
    }
    schema["$defs"]["Defaults"] = defaults;
    schema["$defs"]["Dataset"]["required"] = json!(["match"]);
    schema["properties"]["defaults"]["$ref"] = json!("#/$defs/Defaults");
    // TOML has no null: what is absent is left out.
    without_null(&mut schema);
    schema
}

fn without_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(fields) => {
            for list in ["type", "enum"] {
                if let Some(Value::Array(items)) = fields.get_mut(list) {
                    items.retain(|item| !item.is_null() && item != "null");
                    if let ("type", [one]) = (list, items.as_slice()) {
                        let one = one.clone();
                        fields.insert(list.to_owned(), one);
                    }
                }
            }
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            let Some(Value::Array(any)) = fields.get_mut("anyOf") else {
                return fields.values_mut().for_each(without_null);
            };
            any.retain(|item| *item != json!({"type": "null"}));
            if let [Value::Object(one)] = any.as_mut_slice() {
                let one = std::mem::take(one);
                fields.remove("anyOf");
                // What is said of the field itself wins.
                for (name, value) in one {
                    fields.entry(name).or_insert(value);
                }
            }
            fields.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_the_repository_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lake.schema.json");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let stored = serde_json::from_str(&text).unwrap_or(Value::Null);
        assert!(
            stored == schema(),
            "lake.schema.json is stale; renew it: cargo run -p cleanzone -- check --schema > lake.schema.json"
        );
    }

    #[test]
    fn every_setting_is_described() {
        let schema = schema();
        let mut missing = Vec::new();
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            assert!(definition["description"].is_string(), "{name}");
            for (field, value) in definition["properties"].as_object().into_iter().flatten() {
                if !value["description"].is_string() {
                    missing.push(format!("{name}.{field}"));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:?}");
        assert!(schema["$defs"]["Defaults"]["properties"]["match"].is_null());
        assert_eq!(schema["$defs"]["Defaults"]["additionalProperties"], json!(false));
        assert!(!schema.to_string().contains("\"type\":\"null\""), "TOML has no null");
    }
}
