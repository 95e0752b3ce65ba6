package kube

import (
	"strings"

	"github.com/sallyport/sallyport/internal/spelling"
)

// wantOneOf is what to want of a misspelt word: the one that was probably meant, or all.
func wantOneOf(s string, words []string) string {
	best, distance := "", min(3, 1+len(s)/3) // of short words most are near
	for _, w := range words {
		if d := spelling.Distance(strings.ToLower(s), strings.ToLower(w)); d < distance {
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
