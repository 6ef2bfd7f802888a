//! Keys and values of the tokens that were read, so that each is computed once.
//! The space grows as it is needed; forgetting the end is a matter of a number.

use candle_core::{DType, Device, Result, Tensor};

use super::config::Config;

/// Positions that space is made for at a time.
const STEP: usize = 512;

/// Of one layer: `(kv heads, space, head width)` each.
struct Layer {
    keys: Tensor,
    values: Tensor,
}

/// Of all layers.
pub(super) struct Cache {
    layers: Vec<Layer>,
    space: usize,
    length: usize,
    config: Config,
    device: Device,
}

impl Cache {
    /// Empty.
    pub(super) fn new(config: &Config, device: &Device) -> Result<Self> {
        let mut cache = Self {
            layers: Vec::new(),
            space: 0,
            length: 0,
            config: config.clone(),
            device: device.clone(),
        };
        cache.reserve(STEP)?;
        Ok(cache)
    }

    /// Tokens that are held.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Forgets all but the first `length` tokens.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Makes space for so many tokens in all.
    pub(super) fn reserve(&mut self, total: usize) -> Result<()> {
        if total <= self.space && !self.layers.is_empty() {
            return Ok(());
        }
        // By half at least, so that a long answer does not copy all at each step.
        let space = total.max(self.space + self.space / 2).next_multiple_of(STEP);
        let shape = (self.config.kv_heads, space, self.config.head_width);
        let mut layers = Vec::with_capacity(self.config.layers);
        for layer in 0..self.config.layers {
            let fresh = Layer {
                keys: Tensor::zeros(shape, DType::F32, &self.device)?,
                values: Tensor::zeros(shape, DType::F32, &self.device)?,
            };
            if let (Some(old), 1..) = (self.layers.get(layer), self.length) {
                let held = |tensor: &Tensor| tensor.narrow(1, 0, self.length)?.contiguous();
                fresh.keys.slice_set(&held(&old.keys)?, 1, 0)?;
                fresh.values.slice_set(&held(&old.values)?, 1, 0)?;
            }
            layers.push(fresh);
        }
        self.layers = layers;
        self.space = space;
        Ok(())
    }

    /// Puts keys and values `(kv heads, n, head width)` behind what is held, and
    /// gives all with them. They count only after [`Self::advance`], when every
    /// layer has put its own.
    pub(super) fn put(
        &self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let held = self
            .layers
            .get(layer)
            .ok_or_else(|| candle_core::Error::msg(format!("no layer {layer} in the cache")))?;
        held.keys.slice_set(&keys.contiguous()?, 1, self.length)?;
        held.values.slice_set(&values.contiguous()?, 1, self.length)?;
        let total = self.length + keys.dim(1)?;
        Ok((held.keys.narrow(1, 0, total)?, held.values.narrow(1, 0, total)?))
    }

    /// So many tokens more are held.
    pub(super) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::config::Rotation, *};

    fn config() -> Config {
        Config {
            layers: 2,
            heads: 2,
            kv_heads: 1,
            head_width: 2,
            context: 4096,
            norm_epsilon: 1e-6,
            rotation: Rotation::Halves,
            rotation_base: 10_000.0,
        }
    }

    /// One token whose keys and values are this number.
    fn token(number: f32) -> Tensor {
        Tensor::new(&[[[number, number]]], &Device::Cpu).unwrap()
    }

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        tensor.narrow(2, 0, 1).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn it_grows_keeps_and_forgets() {
        let mut cache = Cache::new(&config(), &Device::Cpu).unwrap();
        for number in 0..600u16 {
            cache.reserve(cache.len() + 1).unwrap();
            for layer in 0..2 {
                cache.put(layer, &token(f32::from(number)), &token(0.0)).unwrap();
            }
            cache.advance(1);
        }
        cache.truncate(3);
        cache.truncate(5);
        assert_eq!(cache.len(), 3);
        let (keys, values) = cache.put(1, &token(9.0), &token(8.0)).unwrap();
        assert_eq!(numbers(&keys), [0.0, 1.0, 2.0, 9.0]);
        assert_eq!(numbers(&values), [0.0, 0.0, 0.0, 8.0]);
        assert!(cache.put(2, &token(0.0), &token(0.0)).is_err());
    }
}
