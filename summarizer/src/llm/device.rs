//! Where a model computes. Chosen once, at the start, and reported.

use std::{fmt, str::FromStr};

use candle_core::Device;
use throughline_memory::embed::candle::ComputeDevice;

use super::LlmError;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU that this build and machine have, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The first NVIDIA card; an error without one.
    Cuda,
    /// The Apple GPU; an error without one.
    Metal,
}

impl DeviceChoice {
    /// All of them, as they are spelt.
    pub const NAMES: [&'static str; 4] = ["auto", "cpu", "cuda", "metal"];

    /// Opens what was chosen.
    ///
    /// # Errors
    /// [`LlmError::Device`] if a GPU was named that cannot be had.
    pub(crate) fn open(self) -> Result<(ComputeDevice, Device), LlmError> {
        let (device, built) = match self {
            Self::Auto => (ComputeDevice::best(), true),
            Self::Cpu => (ComputeDevice::Cpu, true),
            Self::Cuda => (ComputeDevice::Cuda(0), cfg!(feature = "cuda")),
            Self::Metal => (ComputeDevice::Metal(0), cfg!(feature = "metal")),
        };
        let no = |detail: String| LlmError::Device { device: self.to_string(), detail };
        if !built {
            return Err(no(format!("this program was built without the feature `{self}`")));
        }
        let opened = device.open().map_err(|error| no(error.to_string()))?;
        Ok((device, opened))
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = LlmError;

    fn from_str(name: &str) -> Result<Self, LlmError> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "metal" => Ok(Self::Metal),
            _ => Err(LlmError::Settings(format!(
                "device {name:?} is none of {}",
                Self::NAMES.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in DeviceChoice::NAMES {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert!("gpu".parse::<DeviceChoice>().unwrap_err().to_string().contains("cuda"));
    }

    #[test]
    fn the_processor_is_always_there_and_an_absent_card_is_named() {
        assert_eq!(DeviceChoice::Cpu.open().unwrap().0, ComputeDevice::Cpu);
        DeviceChoice::Auto.open().unwrap();
        if !cfg!(feature = "cuda") {
            let error = DeviceChoice::Cuda.open().unwrap_err().to_string();
            assert!(error.contains("without the feature `cuda`") && error.contains("`auto`"));
        }
    }
}
