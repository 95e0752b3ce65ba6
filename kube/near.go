package kube

import (
	"slices"
	"strings"
)

// wantOneOf is what to want of a misspelt word: the one that was probably meant, or all.
func wantOneOf(s string, words []string) string {
	best, distance := "", min(3, 1+len(s)/3) // of short words most are near
	for _, w := range words {
		if d := edits(strings.ToLower(s), strings.ToLower(w)); d < distance {
			best, distance = w, d
		}
	}
	if best != "" {
		return "did you mean " + best
	}
	return "want " + orList(words)
}

// orList is "a, b or c".
func orList(words []string) string {
	switch n := len(words); n {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	const long = 64 // no word of the API is longer
	if len(a) > long || len(b) > long {
		return long
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = slices.Min([]int{cost, row[j+1] + 1, row[j] + 1})
		}
	}
	return row[len(b)]
}
