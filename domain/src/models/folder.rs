//! What a folder on a node holds, from one POSIX sh look at it: configuration, dtype, size, parameters.
//!
//! Parameters are counted from the headers of the safetensors files alone: eight bytes of length (little endian), then JSON that
//! names each tensor's dtype, shape and place.

use serde_json::Value;

use super::{Facts, Format};
use crate::shell::quote;

/// Headers beyond this are not read; a real one is below a few MiB.
const HEADER_LIMIT: u64 = 16 << 20;

/// The look. Answers lines `key value`, the configuration as one line of base64, and each header likewise.
pub fn look(path: &str) -> String {
    format!(
        r#"export LC_ALL=C
cd {path} 2>/dev/null || {{ echo 'folder none'; echo end; exit 0; }}
echo "size $(du -sbL . 2>/dev/null | cut -f1)"
[ -f latest_checkpointed_iteration.txt ] && echo "tracker $(head -c 20 latest_checkpointed_iteration.txt | tr -dc 0-9)"
[ -f config.json ] && echo "config $(base64 -w0 config.json)"
[ -f args.json ] && echo "args $(head -c 1000000 args.json | base64 -w0)"
for f in *.safetensors; do
  [ -f "$f" ] || continue
  n=$(head -c 8 "$f" | od -An -tu8 | tr -d ' ')
  if [ -n "$n" ] && [ "$n" -gt 0 ] && [ "$n" -lt {HEADER_LIMIT} ]; then echo "header $(tail -c +9 "$f" | head -c "$n" | base64 -w0)"; else echo "damaged $f"; fi
done
echo end
"#,
        path = quote(path)
    )
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Nothing,
    /// A folder that is no model: neither config.json with weights nor a tracker with its iteration.
    NoModel,
    Model {
        format: Format,
        facts: Facts,
    },
    /// A weights file whose header cannot be read: cut off, or no safetensors.
    Damaged {
        file: String,
    },
}

/// Reads the answer of `look`; `decode` is base64. Err: cut off.
pub fn read(text: &str, decode: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Found, String> {
    if !text.ends_with("end\n") {
        return Err("the answer is cut off".to_owned());
    }
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let json = |key: &str| {
        value(key)
            .and_then(&decode)
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
    };
    if value("folder none").is_some() {
        return Ok(Found::Nothing);
    }
    if let Some(file) = value("damaged ") {
        return Ok(Found::Damaged {
            file: file.to_owned(),
        });
    }
    let size_bytes = value("size ")
        .and_then(|size| size.parse().ok())
        .unwrap_or(0);
    let word = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if value("tracker ").is_some() {
        let args = json("args ").unwrap_or_default();
        let model_type = word(&args, "model_type");
        let facts = Facts {
            model_type,
            dtype: word(&args, "torch_dtype"),
            size_bytes,
            ..Facts::default()
        };
        return Ok(Found::Model {
            format: Format::Mcore,
            facts,
        });
    }
    let headers: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("header "))
        .filter_map(&decode)
        .filter_map(|bytes| serde_json::from_slice(&bytes).ok())
        .collect();
    let Some(config) = json("config ").filter(|_| !headers.is_empty()) else {
        return Ok(Found::NoModel);
    };
    let architecture = config
        .get("architectures")
        .and_then(|list| list.get(0))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let facts = Facts {
        architecture: architecture.to_owned(),
        model_type: word(&config, "model_type"),
        parameters: Some(headers.iter().map(parameters).sum()),
        dtype: dtype(&config, &headers),
        size_bytes,
    };
    Ok(Found::Model {
        format: Format::Hf,
        facts,
    })
}

/// Elements of all tensors that a header names.
fn parameters(header: &Value) -> u64 {
    let shapes = header
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, tensor)| tensor.get("shape")?.as_array());
    shapes
        .map(|shape| shape.iter().filter_map(Value::as_u64).product::<u64>())
        .sum()
}

/// What the configuration says, else what the first tensor is stored as.
fn dtype(config: &Value, headers: &[Value]) -> String {
    let said = config
        .get("torch_dtype")
        .or_else(|| config.get("dtype"))
        .and_then(Value::as_str);
    let stored = || {
        headers.iter().find_map(|header| {
            header
                .as_object()?
                .values()
                .find_map(|tensor| tensor.get("dtype")?.as_str())
        })
    };
    torch_name(said.or_else(stored).unwrap_or_default())
}

/// A type by torch's name, whatever safetensors calls it.
pub fn torch_name(name: &str) -> String {
    match name {
        "BF16" => "bfloat16",
        "F16" => "float16",
        "F32" => "float32",
        "F8_E4M3" => "float8_e4m3fn",
        "F8_E5M2" => "float8_e5m2",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tests carry plain text where the node sends base64.
    fn plain(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn an_hf_folder_is_counted_from_its_headers() {
        let text = "size 4210\nconfig {\"architectures\":[\"Qwen3ForCausalLM\"],\"model_type\":\"qwen3\"}\n\
            header {\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"BF16\",\"shape\":[3,5],\"data_offsets\":[0,30]}}\n\
            header {\"b\":{\"dtype\":\"BF16\",\"shape\":[7],\"data_offsets\":[0,14]}}\nend\n";
        let Ok(Found::Model {
            format: Format::Hf,
            facts,
        }) = read(text, plain)
        else {
            panic!("no model")
        };
        assert_eq!(facts.parameters, Some(22));
        assert_eq!(
            (
                facts.architecture.as_str(),
                facts.dtype.as_str(),
                facts.size_bytes
            ),
            ("Qwen3ForCausalLM", "bfloat16", 4210)
        );
    }

    #[test]
    fn what_is_no_model_is_told_apart() {
        assert_eq!(read("folder none\nend\n", plain), Ok(Found::Nothing));
        assert_eq!(read("size 3\nend\n", plain), Ok(Found::NoModel));
        assert_eq!(
            read("size 3\nconfig {}\nend\n", plain),
            Ok(Found::NoModel),
            "a configuration without weights"
        );
        assert_eq!(
            read("size 3\ndamaged m.safetensors\nend\n", plain),
            Ok(Found::Damaged {
                file: "m.safetensors".to_owned()
            })
        );
        assert!(matches!(
            read("size 9\ntracker 1\nend\n", plain),
            Ok(Found::Model {
                format: Format::Mcore,
                ..
            })
        ));
        assert!(read("size 3\nconf", plain).is_err());
    }
}
