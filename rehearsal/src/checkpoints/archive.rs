//! What `torch.save` writes: an uncompressed zip with a pickle and the bytes of its tensors, each aligned to 64 bytes.

use std::io::{Cursor, Read, Write};

use anyhow::{Context, Result, bail};
use candle_core::pickle::{Object, Stack};
use candle_core::{DType, Device, Tensor};
use zip::write::SimpleFileOptions;

use super::pickle::{self, Value};

/// Saves a value; `storages` are the bytes of its tensors, `data/0`, `data/1` …
fn save(value: &Value, storages: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .with_alignment(64);
    let mut put = |name: &str, bytes: &[u8]| -> Result<()> {
        zip.start_file(format!("archive/{name}"), options)?;
        Ok(zip.write_all(bytes)?)
    };
    put("data.pkl", &pickle::write(value))?;
    put(".format_version", b"1")?;
    put(".storage_alignment", b"64")?;
    put("byteorder", b"little")?;
    for (number, bytes) in storages.iter().enumerate() {
        put(&format!("data/{number}"), bytes)?;
    }
    put("version", b"3\n")?;
    // The hash by which torch tells archives apart; a constant is as good where nobody compares.
    put(
        ".data/serialization_id",
        b"0000000000000000000000000000000000000000",
    )?;
    Ok(zip.finish()?.into_inner())
}

/// A value without tensors.
pub fn save_value(value: &Value) -> Result<Vec<u8>> {
    save(value, &[])
}

/// One tensor on its own.
pub fn save_tensor(tensor: &Tensor) -> Result<Vec<u8>> {
    let bytes = bytes_of(tensor)?;
    let shape = tensor.dims().to_vec();
    let storage = match tensor.dtype() {
        DType::F32 => "FloatStorage",
        DType::BF16 => "BFloat16Storage",
        other => bail!("{other:?} is not saved"),
    };
    let mut strides = vec![1; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at] * shape[at];
    }
    let id = Value::Tuple(vec![
        Value::text("storage"),
        Value::Global("torch", storage),
        Value::text("0"),
        Value::text("cpu"),
        Value::Int(tensor.elem_count() as i64),
    ]);
    let value = Value::Call(
        Box::new(Value::Global("torch._utils", "_rebuild_tensor_v2")),
        vec![
            Value::Persistent(Box::new(id)),
            Value::Int(0),
            Value::ints(&shape),
            Value::ints(&strides),
            Value::Bool(false),
            Value::Call(
                Box::new(Value::Global("collections", "OrderedDict")),
                Vec::new(),
            ),
        ],
    );
    save(&value, &[bytes])
}

fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        DType::F32 => flat
            .to_vec1::<f32>()?
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect(),
        DType::BF16 => flat
            .to_vec1::<half::bf16>()?
            .into_iter()
            .flat_map(half::bf16::to_le_bytes)
            .collect(),
        other => bail!("{other:?} is not saved"),
    })
}

/// The tensor of an archive that `save_tensor` wrote, given what the index says of it.
pub fn load_tensor(bytes: &[u8], dtype: DType, shape: &[usize]) -> Result<Tensor> {
    let data = member(bytes, "archive/data/0")?;
    Ok(Tensor::from_raw_buffer(&data, dtype, shape, &Device::Cpu)?)
}

/// The value of an archive without tensors.
pub fn load_value(bytes: &[u8]) -> Result<Object> {
    unpickle(&member(bytes, "archive/data.pkl")?)
}

/// Whether the pickle of an archive names a class, which a reader of plain data refuses.
pub fn names_class(bytes: &[u8], module: &str, name: &str) -> bool {
    let global = format!("c{module}\n{name}\n");
    let data = member(bytes, "archive/data.pkl").unwrap_or_default();
    data.windows(global.len())
        .any(|window| window == global.as_bytes())
}

fn member(bytes: &[u8], name: &str) -> Result<Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))
        .context("PytorchStreamReader failed reading zip archive")?;
    let mut data = Vec::new();
    zip.by_name(name)?.read_to_end(&mut data)?;
    Ok(data)
}

/// Reads a pickle without running anything that it names.
pub fn unpickle(bytes: &[u8]) -> Result<Object> {
    let mut stack = Stack::empty();
    stack.read_loop(&mut std::io::BufReader::new(bytes))?;
    Ok(stack.finalize()?)
}
