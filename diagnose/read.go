package diagnose

import (
	"os"
	"strings"
)

// read is a small file's content without the space around it; "" where it can't be read.
func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
