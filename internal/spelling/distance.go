// Package spelling tells how far a word is from another, for errors that ask what was meant.
package spelling

// longest is how many bytes a word may have: nobody mistypes more, and the distance takes quadratic time.
const longest = 64

// Distance is the Levenshtein distance of two words in bytes; at least 64 where one of them is longer than that.
func Distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
