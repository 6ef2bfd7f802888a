//! Model files whose weights are of kinds that candle computes slowly (Q4_1,
//! Q5_0, Q5_1), made over once: those tensors become Q8_0, all else stays as it
//! is. Q8_0 has finer steps than each of them.

use std::{collections::BTreeMap, fs::File, io::BufWriter, path::Path, sync::Arc};

use candle_core::{
    Device,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Value},
    },
};

use super::{LlmError, gguf::Gguf};

/// Tells a made file from its source.
const MADE: &str = "throughline.requantised";

/// Where the source says how its tensors are aligned; the made file has its own.
const ALIGNMENT: &str = "general.alignment";

fn slow(kind: GgmlDType) -> bool {
    matches!(kind, GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1)
}

/// Whether a file has tensors of slow kinds. Reads its header only.
///
/// # Errors
/// [`LlmError::File`].
pub fn is_slow(path: &Path) -> Result<bool, LlmError> {
    let gguf = Gguf::open(path)?;
    Ok(gguf.content.tensor_infos.values().any(|info| slow(info.ggml_dtype)))
}

/// Writes `from` with fast tensors to `to`, synced. The same bytes come out each
/// time. Takes as much memory as the file is long.
///
/// # Errors
/// [`LlmError::File`] about either file.
pub fn requantise(from: &Path, to: &Path) -> Result<(), LlmError> {
    let mut gguf = Gguf::open(from)?;
    let names: Vec<String> = {
        let mut infos: Vec<_> = gguf.content.tensor_infos.iter().collect();
        infos.sort_by_key(|(name, info)| (info.offset, (*name).clone()));
        infos.into_iter().map(|(name, _)| name.clone()).collect()
    };
    let mut tensors: Vec<(String, Arc<QTensor>)> = Vec::with_capacity(names.len());
    for name in names {
        let tensor = gguf.tensor(&name, &Device::Cpu)?;
        let tensor = if slow(tensor.dtype()) {
            let values = tensor.dequantize(&Device::Cpu)?;
            Arc::new(QTensor::quantize(&values, GgmlDType::Q8_0)?)
        } else {
            tensor
        };
        tensors.push((name, tensor));
    }
    let made = Value::String("q4_1, q5_0 and q5_1 tensors as q8_0".to_owned());
    // By name: the order in memory is another one each time.
    let mut metadata: BTreeMap<&str, &Value> = gguf
        .content
        .metadata
        .iter()
        .filter(|(key, _)| *key != ALIGNMENT)
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    metadata.insert(MADE, &made);
    let metadata: Vec<(&str, &Value)> = metadata.into_iter().collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.as_ref())).collect();
    let wrong = |detail: String| LlmError::File { path: to.to_owned(), detail };
    let file = File::create(to).map_err(|error| wrong(error.to_string()))?;
    let mut out = BufWriter::new(file);
    gguf_file::write(&mut out, &metadata, &tensors).map_err(|error| wrong(error.to_string()))?;
    let file = out.into_inner().map_err(|error| wrong(error.to_string()))?;
    file.sync_all().map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::*;

    /// A file with one tensor of each of these kinds, 4 rows of 256 values.
    fn file(path: &Path, kinds: &[GgmlDType]) -> Tensor {
        let values: Vec<f32> =
            (0..1024).map(|place| ((place * 37 % 201) as f32 - 100.0) / 50.0).collect();
        let values = Tensor::from_vec(values, (4, 256), &Device::Cpu).unwrap();
        let tensors: Vec<(String, QTensor)> = kinds
            .iter()
            .map(|&kind| (format!("t.{kind:?}"), QTensor::quantize(&values, kind).unwrap()))
            .collect();
        let tensors: Vec<(&str, &QTensor)> =
            tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let name = Value::String("tiny".to_owned());
        let mut out = File::create(path).unwrap();
        gguf_file::write(&mut out, &[("general.name", &name)], &tensors).unwrap();
        values
    }

    #[test]
    fn slow_tensors_are_made_over_and_the_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.gguf"), dir.path().join("b.gguf"));
        use GgmlDType::{F32, Q4_1, Q4K, Q5_0, Q5_1, Q8_0};
        let kinds = [Q4_1, Q5_0, Q5_1, Q8_0, Q4K, F32];
        file(&from, &kinds);
        assert!(is_slow(&from).unwrap());
        requantise(&from, &to).unwrap();
        assert!(!is_slow(&to).unwrap());
        let (mut before, mut after) = (Gguf::open(&from).unwrap(), Gguf::open(&to).unwrap());
        assert_eq!(after.text("general.name").unwrap(), "tiny");
        for kind in kinds {
            let name = format!("t.{kind:?}");
            let (a, b) = (
                before.tensor(&name, &Device::Cpu).unwrap(),
                after.tensor(&name, &Device::Cpu).unwrap(),
            );
            assert_eq!(b.dtype(), if slow(kind) { Q8_0 } else { kind });
            let (a, b) = (a.dequantize(&Device::Cpu).unwrap(), b.dequantize(&Device::Cpu).unwrap());
            let off =
                (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            // Half of a Q8_0 step: the largest value over 127, over 2.
            assert!(if slow(kind) { off <= 2.2 / 254.0 } else { off == 0.0 }, "{kind:?}: {off}");
        }
        let again = dir.path().join("c.gguf");
        requantise(&from, &again).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(&again).unwrap());
    }

    #[test]
    fn what_is_no_model_file_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gguf");
        std::fs::write(&path, b"poetry").unwrap();
        let error = requantise(&path, &dir.path().join("b.gguf")).unwrap_err().to_string();
        assert!(error.contains("a.gguf") && error.contains("throughline models"), "{error}");
    }
}
