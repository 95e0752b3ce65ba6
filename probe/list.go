package probe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// maxLine is the longest line of a list that is read. A target has a name of at most 253 bytes, and a path.
const maxLine = 4096

// ReadList reads a list of targets, one a line: blank lines, and what comes after a # at the start of a line or after a space, are left out. It
// goes on after a line that is no target, whose error names the file and line. The list is not kept in memory.
func ReadList(file string, r io.Reader) iter.Seq2[Target, error] {
	return func(yield func(Target, error) bool) {
		in := bufio.NewReaderSize(r, maxLine)
		for line := 1; ; line++ {
			text, err := in.ReadSlice('\n')
			long := errors.Is(err, bufio.ErrBufferFull)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Target{}, fmt.Errorf("%s:%d: %w", file, line, err))
				return
			}
			if line == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff"))
			}
			t, some, bad := readLine(text, long)
			if bad != nil {
				bad = fmt.Errorf("%s:%d: %w", file, line, bad)
			}
			if (some || bad != nil) && !yield(t, bad) {
				return
			}
			if err != nil {
				return
			}
		}
	}
}

func readLine(line []byte, long bool) (t Target, some bool, err error) {
	switch {
	case long:
		return t, false, fmt.Errorf("is longer than %d bytes: want one target a line", maxLine)
	case !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0:
		return t, false, errors.New("is no UTF-8 text: want one target a line")
	}
	s := string(line)
	if i := strings.IndexByte(s, '#'); i == 0 || i > 0 && (s[i-1] == ' ' || s[i-1] == '\t') {
		s = s[:i]
	}
	if s = strings.TrimSpace(s); s == "" {
		return t, false, nil
	}
	t, err = Parse(s)
	return t, err == nil, err
}
