"""Logistic regressions of several kinds over the same rows, solved together: one pass over the rows serves all."""
import numpy as np
from scipy.optimize import minimize

# L-BFGS stops here at the latest: by then held-out figures no longer move.
ITERATIONS = 110
CORRECTIONS = 12
TOLERANCE = 1e-7


class Fitted:
    """Weights of the features and of the vector's components, a column a kind, and the biases."""

    def __init__(self, features, dense, bias):
        self.features, self.dense, self.bias = features, dense, bias

    def sums(self, sparse, dense):
        return sparse @ self.features + dense @ self.dense + self.bias


def fit(sparse, dense, target, weight, cost):
    """Minimises half the squared weights and biases plus `cost` times the weighted log loss. Rows by kinds: `target`
    (true or false) and `weight`. Single precision; deterministic."""
    columns, components, kinds = sparse.shape[1], dense.shape[1], target.shape[1]
    back = sparse.T.tocsr()
    first, second = columns * kinds, (columns + components) * kinds

    def parts(values):
        return (values[:first].reshape(columns, kinds), values[first:second].reshape(components, kinds),
                values[second:])

    def loss(values):
        features, vector, bias = parts(values.astype(np.float32))
        sums = sparse @ features + dense @ vector + bias
        margin = np.where(target, sums, -sums)
        small = np.exp(-np.abs(margin))
        lost = (weight * (np.log1p(small) + np.maximum(0, -margin))).sum(dtype=np.float64)
        miss = np.where(margin > 0, small, 1) / (1 + small)
        slope = cost * weight * np.where(target, -miss, miss)
        gradient = (back @ slope + features, dense.T @ slope + vector, slope.sum(0) + bias)
        squares = sum(float((part * part).sum()) for part in (features, vector, bias))
        return cost * lost + squares / 2, np.concatenate([part.ravel() for part in gradient]).astype(np.float64)

    start = np.zeros(second + kinds)
    options = {"maxiter": ITERATIONS, "maxcor": CORRECTIONS, "ftol": TOLERANCE}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return Fitted(*parts(found.x))
