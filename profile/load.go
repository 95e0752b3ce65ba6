package profile

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// Builtins is the names of the built-in profiles, in order.
func Builtins() []string {
	entries, err := builtinFiles.ReadDir("builtin")
	if err != nil {
		panic(err) // the directory is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

var builtins sync.Map // name to *Profile

// Builtin is the built-in profile of that name. It is shared: don't change it.
func Builtin(name string) (*Profile, bool) {
	if p, ok := builtins.Load(name); ok {
		return p.(*Profile), true
	}
	if !slices.Contains(Builtins(), name) {
		return nil, false
	}
	file := path.Join("builtin", name+".yaml")
	data, err := builtinFiles.ReadFile(file)
	if err != nil {
		panic(err) // the file is embedded
	}
	p, err := Parse(file, data)
	if err != nil {
		panic(err) // TestBuiltins reads them all
	}
	shared, _ := builtins.LoadOrStore(name, p)
	return shared.(*Profile), true
}

// Load reads the profile that a user named: a built-in's name, "-" for standard input, or a file. A file that has a
// built-in's name is named with its directory, "./openshift-v2-gear".
func Load(arg string, stdin io.Reader) (*Profile, error) {
	if p, ok := Builtin(arg); ok {
		return p, nil
	}
	if arg == "-" {
		if stdin == nil {
			return nil, errors.New("profile -: there is no standard input: want a file or a built-in profile")
		}
		return read("standard input", stdin)
	}
	if arg == "" {
		return nil, fmt.Errorf("the name of the profile is empty: %s", wantArg())
	}
	f, err := os.Open(arg)
	if errors.Is(err, fs.ErrNotExist) {
		if n := near(arg, Builtins()); n != "" {
			return nil, fmt.Errorf("profile %q is neither a file nor built in: did you mean %s? (%w)", arg, n, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("profile %q is neither a file nor built in: %s (%w)", arg, wantArg(), fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, fmt.Errorf("profile %q is a directory: want a file in it, or a built-in profile", arg)
	}
	return read(arg, f)
}

func wantArg() string {
	return "want a file, - for standard input, or one of " + strings.Join(Builtins(), ", ")
}

// read stops one byte beyond what Parse takes, so that Parse says that it is too much.
func read(name string, r io.Reader) (*Profile, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	return Parse(name, data)
}
