package callsite

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"
)

// lineKey names one line of one file's content.
type lineKey struct {
	file fileKey
	line int
}

const (
	maxText   = 512     // bytes of a line that are told
	maxSource = 2 << 20 // bytes of a file that are searched for the line
)

// addText fills in the lines of source, where the files can be read as the program has them.
func (r *Reader) addText(p *process, frames []attempt.Frame) {
	type looked struct {
		fd  int
		key fileKey
	}
	files := make(map[string]looked, 8)
	defer func() {
		for _, f := range files {
			if f.fd >= 0 {
				unix.Close(f.fd)
			}
		}
	}()
	for i := range frames {
		f := &frames[i]
		if f.Line <= 0 || f.File == "" || strings.HasPrefix(f.File, "<") {
			continue // such as <string> and <frozen runpy>
		}
		file, ok := files[f.File]
		if !ok {
			file.fd, file.key = p.look(f.File)
			files[f.File] = file
		}
		if file.fd >= 0 {
			f.Text = r.text(file.fd, lineKey{file.key, f.Line})
		}
	}
}

// look is lookFile with the file's key; the descriptor is -1 where there is no regular file of that name.
func (p *process) look(name string) (int, fileKey) {
	fd, err := p.lookFile(name)
	if err != nil {
		return -1, fileKey{}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return -1, fileKey{}
	}
	return fd, fileKey{st.Dev, st.Ino, st.Size, st.Mtim.Nano()}
}

func (r *Reader) text(fd int, key lineKey) string {
	if text, ok := get(r, &r.lines, key); ok {
		return text
	}
	f, err := reopen(fd, "source")
	if err != nil {
		return ""
	}
	defer f.Close()
	text := lineOf(io.LimitReader(f, maxSource), key.line)
	put(r, &r.lines, maxLines, key, text)
	return text
}

// lineOf is the line of the text, counted from 1, without the blanks around it; "" where it has no such line.
func lineOf(text io.Reader, line int) string {
	b := bufio.NewReader(text)
	for n := 1; ; {
		part, more, err := b.ReadLine()
		if err != nil {
			return ""
		}
		if n == line {
			if len(part) > maxText {
				part = part[:maxText]
			}
			return strings.TrimSpace(cutRune(string(part)))
		}
		if !more {
			n++
		}
	}
}

// cutRune leaves out a character at the end that was cut in the middle.
func cutRune(s string) string {
	for i := 0; i < utf8.UTFMax && len(s) > i; i++ {
		if tail := s[len(s)-1-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				return s[:len(s)-1-i]
			}
			break
		}
	}
	return s
}
