//! Projections with quantised weights.

use std::sync::Arc;

use candle_core::{
    Device, Module, Result, Tensor,
    quantized::{QMatMul, QTensor},
};

use crate::llm::{LlmError, gguf::Gguf};

/// One projection, with its bias if it has one.
pub(super) struct Linear {
    weight: Arc<QTensor>,
    product: QMatMul,
    bias: Option<Tensor>,
}

impl Linear {
    /// Reads `NAME.weight`, and `NAME.bias` if it is there.
    pub(super) fn read(
        gguf: &mut Gguf,
        name: &str,
        device: &Device,
    ) -> std::result::Result<Self, LlmError> {
        let weight = gguf.tensor(&format!("{name}.weight"), device)?;
        let bias = format!("{name}.bias");
        let bias = if gguf.has_tensor(&bias) {
            Some(gguf.tensor(&bias, device)?.dequantize(device)?)
        } else {
            None
        };
        Ok(Self { bias, ..Self::new(weight)? })
    }

    /// Without bias.
    pub(super) fn new(weight: Arc<QTensor>) -> Result<Self> {
        Ok(Self { product: QMatMul::from_arc(Arc::clone(&weight))?, weight, bias: None })
    }

    fn biased(&self, product: Tensor) -> Result<Tensor> {
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }

    /// Of rows `(n, in)`: `(n, out)`.
    pub(super) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        self.biased(self.product.forward(rows)?)
    }
}

/// Projections of the same rows. For a single row on the processor, those with
/// weights of one kind are computed in one go: the row is quantised once and the
/// threads meet once.
pub(super) fn project<const N: usize>(
    projections: [&Linear; N],
    rows: &Tensor,
) -> Result<[Tensor; N]> {
    let single = rows.dim(0)? == 1;
    let alike = projections
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.weight.dtype() == b.weight.dtype()));
    if single && alike {
        let weights: Vec<&QTensor> =
            projections.iter().map(|projection| projection.weight.as_ref()).collect();
        if let Some(products) = QTensor::gemv_fused_shared_lhs(&weights, rows)? {
            let biased: Vec<Tensor> = projections
                .iter()
                .zip(products)
                .map(|(projection, product)| projection.biased(product))
                .collect::<Result<_>>()?;
            if let Ok(biased) = <[Tensor; N]>::try_from(biased) {
                return Ok(biased);
            }
        }
    }
    let computed: Vec<Tensor> =
        projections.iter().map(|projection| projection.forward(rows)).collect::<Result<_>>()?;
    computed.try_into().map_err(|_| candle_core::Error::msg("as many products as projections"))
}
