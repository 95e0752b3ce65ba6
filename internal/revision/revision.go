// Package revision reads files as they are in a revision of a git repository, REVISION:PATH as git show takes it. It runs git, which
// touches neither the network nor the working tree for it.
package revision

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
)

// File is a file of a revision. Its name is REVISION:PATH.
type File struct {
	Name, Text string
}

// Is reports whether an argument has the form REVISION:PATH.
func Is(arg string) bool {
	rev, _, ok := strings.Cut(arg, ":")
	return ok && rev != "" && !strings.HasPrefix(rev, "-")
}

// Files are the file that an argument names, or those below the directory that it names whose path is wanted.
func Files(arg string, wanted func(path string) bool) ([]File, error) {
	rev, name, _ := strings.Cut(arg, ":")
	if _, err := git("rev-parse", "--git-dir"); err != nil {
		return nil, fmt.Errorf("%s: %w", arg, err)
	}
	if _, err := git("rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}"); err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return nil, fmt.Errorf("%s: git knows no revision %s here: `git log --oneline` lists them", arg, rev)
		}
		return nil, fmt.Errorf("%s: %w", arg, err)
	}
	clean := strings.TrimSuffix(name, "/")
	if clean == "." {
		clean = "./"
	}
	object, kind, err := find(rev, clean)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", arg, err)
	}
	if kind == "blob" {
		return contents([]File{{Name: rev + ":" + clean}}, []string{object})
	}
	list, err := git("ls-tree", "-r", "-z", "--end-of-options", object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", arg, err)
	}
	var files []File
	var objects []string
	for entry := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		about, below, _ := strings.Cut(entry, "\t") // "100644 blob ID\tPATH": symbolic links are 120000
		fields := strings.Fields(about)
		if len(fields) != 3 || fields[1] != "blob" || !strings.HasPrefix(fields[0], "100") || !wanted(below) {
			continue
		}
		files = append(files, File{Name: rev + ":" + path.Join(clean, below)})
		objects = append(objects, fields[2])
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: holds no file whose name ends in .yaml, .yml or .json", arg)
	}
	return contents(files, objects)
}

// find is the object of a path, which git takes from the top of the repository: where nothing is there, from the current directory.
func find(rev, name string) (object, kind string, err error) {
	tries := []string{name}
	if name != "" && !strings.HasPrefix(name, "./") && !strings.HasPrefix(name, "../") {
		tries = append(tries, "./"+name)
	}
	for _, try := range tries {
		out, err := git("rev-parse", "--verify", "--quiet", "--end-of-options", rev+":"+try)
		if err != nil {
			continue
		}
		object = strings.TrimSpace(out)
		kind, err = git("cat-file", "-t", object)
		return object, strings.TrimSpace(kind), err
	}
	return "", "", fmt.Errorf("revision %s has no %s: paths are from the top of the repository, or from here with ./ before them", rev, name)
}

// contents reads objects by one process.
func contents(files []File, objects []string) ([]File, error) {
	c := command("cat-file", "--batch")
	c.Stdin = strings.NewReader(strings.Join(objects, "\n") + "\n")
	out, err := run(c)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(strings.NewReader(out))
	for i := range files {
		head, err := r.ReadString('\n') // "ID blob SIZE"
		if err != nil {
			return nil, fmt.Errorf("%s: git cat-file ended early", files[i].Name)
		}
		fields := strings.Fields(head)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s: is not in this repository: git says %q", files[i].Name, strings.TrimSpace(head))
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil {
			return nil, fmt.Errorf("%s: git says %q", files[i].Name, strings.TrimSpace(head))
		}
		text := make([]byte, size+1) // with a newline at its end
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, fmt.Errorf("%s: git cat-file ended early", files[i].Name)
		}
		files[i].Text = string(text[:size])
	}
	return files, nil
}

func git(args ...string) (string, error) { return run(command(args...)) }

// command runs git such that it asks nobody, fetches nothing (of a partial clone git fetches what is missing, unless it is told), and
// writes nothing.
func command(args ...string) *exec.Cmd {
	c := exec.Command("git", args...)
	c.Env = append(os.Environ(), "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	return c
}

func run(c *exec.Cmd) (string, error) {
	var out, problems bytes.Buffer
	c.Stdout, c.Stderr = &out, &problems
	err := c.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("reading a revision needs git, which is not in $PATH")
	case err != nil:
		words, _, _ := strings.Cut(strings.TrimSpace(problems.String()), "\n")
		if words == "" {
			return "", fmt.Errorf("git %s: %w", c.Args[1], err)
		}
		return "", fmt.Errorf("git says: %s", strings.TrimPrefix(words, "fatal: "))
	}
	return out.String(), nil
}
