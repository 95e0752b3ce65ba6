package kube

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Source is where objects are read from.
type Source struct {
	name   string
	stream io.Reader // nil: a path
	found  bool      // it was not named itself
}

// Path is a file, or a directory: of that every file below it whose name ends in .yaml, .yml or .json, like kubectl -R -f.
// Symbolic links below it are followed to files and not to directories, as kubectl does.
func Path(name string) Source { return Source{name: name} }

// Stream is a stream of documents, by the name that its problems shall have.
func Stream(name string, r io.Reader) Source { return Source{name: name, stream: r} }

// Found is a stream that was found in a directory or the like: unlike one that was named itself, it may hold no objects.
func Found(name string, r io.Reader) Source { return Source{name: name, stream: r, found: true} }

// Paths is a [Source] for each path.
func Paths(names ...string) []Source {
	var out []Source
	for _, n := range names {
		out = append(out, Path(n))
	}
	return out
}

// file is the text of a file, or why it cannot be had.
type file struct {
	name string
	text string
	// direct tells that it was named itself, and not found in a directory: then that it holds no objects is an error.
	direct  bool
	problem *Problem
}

// maxFile is the largest file that is read: lines and columns are counted in 32 bits.
const maxFile = 1 << 30

// files are the files of a source.
func (s Source) files() []file {
	if s.stream != nil {
		return []file{load(s.name, s.stream, !s.found)}
	}
	info, err := os.Stat(s.name)
	if err != nil {
		return []file{unreadable(s.name, err)}
	}
	if !info.IsDir() {
		return []file{open(s.name, true)}
	}
	out := filesIn(s.name)
	if len(out) == 0 {
		p := Problem{Pos: Pos{File: s.name}, Severity: Error, What: "holds no file whose name ends in .yaml, .yml or .json"}
		out = append(out, file{name: s.name, problem: &p})
	}
	return out
}

func filesIn(dir string) (out []file) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			out = append(out, unreadable(path, err))
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir() || !IsManifest(path):
		case d.Type()&fs.ModeSymlink != 0:
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				return nil
			}
			out = append(out, open(path, false))
		case !d.Type().IsRegular():
			p := Problem{Pos: Pos{File: path}, Severity: Warning, What: "is no regular file, and not read"}
			out = append(out, file{name: path, problem: &p})
		default:
			out = append(out, open(path, false))
		}
		return nil
	})
	if err != nil {
		out = append(out, unreadable(dir, err))
	}
	return out
}

// IsManifest reports whether a file in a directory is read, by its name.
func IsManifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func open(name string, direct bool) file {
	f, err := os.Open(name)
	if err != nil {
		return unreadable(name, err)
	}
	defer f.Close()
	return load(name, f, direct)
}

func load(name string, r io.Reader, direct bool) file {
	var b strings.Builder
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() < maxFile {
			b.Grow(int(info.Size()) + 1)
		}
	}
	n, err := io.Copy(&b, io.LimitReader(r, maxFile+1))
	if err != nil {
		return unreadable(name, err)
	}
	if n > maxFile {
		return unreadable(name, fmt.Errorf("is larger than %d MiB: want smaller files", maxFile>>20))
	}
	return file{name: name, text: b.String(), direct: direct}
}

func unreadable(name string, err error) file {
	what := err.Error()
	if e := new(fs.PathError); errors.As(err, &e) { // the name stands before it
		what = e.Err.Error()
	}
	return file{name: name, problem: &Problem{Pos: Pos{File: name}, Severity: Error, What: "cannot be read: " + what}}
}
