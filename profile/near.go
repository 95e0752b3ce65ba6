package profile

import (
	"strings"

	"github.com/sallyport/sallyport/internal/spelling"
)

// near is the word that was likely meant by one that is not among the known; "" where none is close.
func near(word string, known []string) string {
	best, bestDistance := "", 1+max(1, len(word)/3)
	if len(word) > 64 {
		return "" // nobody mistypes that much, and the distance takes quadratic time
	}
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(word), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// wantOneOf is the end of a problem: what was likely meant, and what there is.
func wantOneOf(word string, known []string) string {
	if n := near(word, known); n != "" {
		return "did you mean " + n + "?"
	}
	return "want " + orList(known)
}

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
