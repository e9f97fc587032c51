// Package stats is the arithmetic of measurements.
package stats

import (
	"math"
	"slices"
)

// Median returns the median of values, in any order; of an even number the mean of
// the two in the middle; of none, NaN.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Quantile returns the smallest of values, in any order, that at least the share q of
// them does not exceed; of none, NaN. Quantile(values, 0.99) is the p99.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// Fairness returns how often the least served was served for each time that the most
// served was: 1 is fair. Of nobody, or if nobody was served, it is NaN.
func Fairness(served []int) float64 {
	if len(served) == 0 || slices.Max(served) == 0 {
		return math.NaN()
	}
	return float64(slices.Min(served)) / float64(slices.Max(served))
}
