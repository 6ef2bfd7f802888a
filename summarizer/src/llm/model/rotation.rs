//! Rotary positions: each pair of a head's values is turned by an angle that
//! grows with the position (Su et al. 2021, "RoFormer").

use candle_core::{Device, Result, Tensor};

use super::config::{Config, Rotation};

/// Cosines and sines by position.
pub(super) struct Turns {
    cosines: Tensor,
    sines: Tensor,
    rotation: Rotation,
}

impl Turns {
    /// For the first `positions` positions. `factors` divide the frequencies (the
    /// tensor `rope_freqs.weight`, how Llama 3 reads further than it was trained).
    pub(super) fn new(
        config: &Config,
        positions: usize,
        factors: Option<&[f32]>,
        device: &Device,
    ) -> Result<Self> {
        let half = config.head_width / 2;
        let frequencies: Vec<f32> = (0..half)
            .map(|pair| {
                let power = 2.0 * pair as f32 / config.head_width as f32;
                let factor = factors.and_then(|all| all.get(pair)).copied().unwrap_or(1.0);
                1.0 / (config.rotation_base.powf(power) * factor)
            })
            .collect();
        let angles: Vec<f32> = (0..positions)
            .flat_map(|place| frequencies.iter().map(move |frequency| place as f32 * frequency))
            .collect();
        let angles = Tensor::from_vec(angles, (positions, half), device)?;
        Ok(Self { cosines: angles.cos()?, sines: angles.sin()?, rotation: config.rotation })
    }

    /// Turns heads `(heads, n, width)` whose first token stands at `start`.
    pub(super) fn apply(&self, heads: &Tensor, start: usize) -> Result<Tensor> {
        let tokens = heads.dim(1)?;
        let cosines = self.cosines.narrow(0, start, tokens)?;
        let sines = self.sines.narrow(0, start, tokens)?;
        let heads = heads.contiguous()?.unsqueeze(0)?;
        let turned = match self.rotation {
            Rotation::Neighbours => candle_nn::rotary_emb::rope_i(&heads, &cosines, &sines)?,
            Rotation::Halves => candle_nn::rotary_emb::rope(&heads, &cosines, &sines)?,
        };
        turned.squeeze(0)
    }
}
