//! A model file in GGUF: weights, and in its metadata everything else that is
//! needed to run them (architecture, vocabulary, chat template).

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{
    Device,
    quantized::{
        QTensor,
        gguf_file::{Content, Value},
    },
};

use super::LlmError;

/// An open file; its header is read.
pub(crate) struct Gguf {
    path: PathBuf,
    file: BufReader<File>,
    pub(crate) content: Content,
}

impl Gguf {
    /// Opens a file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, LlmError> {
        let wrong = |detail: String| LlmError::File { path: path.to_owned(), detail };
        let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let mut file = BufReader::new(file);
        let content = Content::read(&mut file).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { path: path.to_owned(), file, content })
    }

    /// An error about this file.
    pub(crate) fn damaged(&self, detail: impl ToString) -> LlmError {
        LlmError::File { path: self.path.clone(), detail: detail.to_string() }
    }

    /// An error about what this file asks for.
    pub(crate) fn unsupported(&self, what: impl Into<String>) -> LlmError {
        LlmError::Unsupported { path: self.path.clone(), what: what.into() }
    }

    fn value(&self, key: &str) -> Result<&Value, LlmError> {
        self.content
            .metadata
            .get(key)
            .ok_or_else(|| self.damaged(format_args!("its metadata lack {key}")))
    }

    fn odd(&self, key: &str) -> impl Fn(candle_core::Error) -> LlmError + '_ {
        let key = key.to_owned();
        move |error| self.damaged(format_args!("{key}: {error}"))
    }

    /// Whether there is such a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.content.metadata.contains_key(key)
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Result<&str, LlmError> {
        self.value(key)?.to_string().map(String::as_str).map_err(self.odd(key))
    }

    /// A whole number, in whichever width it is written.
    pub(crate) fn number(&self, key: &str) -> Result<usize, LlmError> {
        whole(self.value(key)?)
            .ok_or_else(|| self.damaged(format_args!("{key} is no whole number")))
    }

    /// A fraction.
    pub(crate) fn fraction(&self, key: &str) -> Result<f32, LlmError> {
        self.value(key)?.to_f32().map_err(self.odd(key))
    }

    /// A yes or no; `None` if it is not said.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.content.metadata.get(key).and_then(|value| value.to_bool().ok())
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>, LlmError> {
        let list = self.value(key)?.to_vec().map_err(self.odd(key))?;
        list.iter()
            .map(|value| value.to_string().map(String::as_str).map_err(self.odd(key)))
            .collect()
    }

    /// A list of whole numbers.
    pub(crate) fn numbers(&self, key: &str) -> Result<Vec<usize>, LlmError> {
        let list = self.value(key)?.to_vec().map_err(self.odd(key))?;
        let wrong = || self.damaged(format_args!("{key} holds more than whole numbers"));
        list.iter().map(|value| whole(value).ok_or_else(wrong)).collect()
    }

    /// Whether there is such a tensor.
    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// Reads a tensor to a device.
    pub(crate) fn tensor(&mut self, name: &str, device: &Device) -> Result<Arc<QTensor>, LlmError> {
        let read = self.content.tensor(&mut self.file, name, device);
        read.map(Arc::new).map_err(|error| self.damaged(error))
    }
}

fn whole(value: &Value) -> Option<usize> {
    match *value {
        Value::U8(number) => Some(number.into()),
        Value::U16(number) => Some(number.into()),
        Value::U32(number) => usize::try_from(number).ok(),
        Value::U64(number) => usize::try_from(number).ok(),
        Value::I8(number) => usize::try_from(number).ok(),
        Value::I16(number) => usize::try_from(number).ok(),
        Value::I32(number) => usize::try_from(number).ok(),
        Value::I64(number) => usize::try_from(number).ok(),
        Value::F32(_) | Value::F64(_) | Value::Bool(_) | Value::String(_) | Value::Array(_) => None,
    }
}
