package callsite

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// markStandard marks the frames of a language's own library.
func markStandard(frames []attempt.Frame) {
	for i := range frames {
		f := &frames[i]
		switch {
		case strings.HasSuffix(f.File, ".java") || f.File == "":
			f.Standard = ofJDK(f.Function)
		case strings.HasSuffix(f.File, ".go"):
			f.Standard = standardGo(f.Function)
		case strings.HasSuffix(f.File, ".py") || strings.HasPrefix(f.File, "<frozen "):
			f.Standard = standardPython(f.File)
		}
	}
}

// pythonDir is the directory of one version's library.
var pythonDir = regexp.MustCompile(`^python\d`)

// standardPython reports whether a file is of Python's own library: in lib/pythonX.Y, but not in what is installed
// there beside it (site, https://docs.python.org/3/library/site.html; Debian's dist-packages).
func standardPython(file string) bool {
	if strings.HasPrefix(file, "<frozen ") {
		return true
	}
	dirs := strings.Split(file, "/")
	for i, dir := range dirs[:len(dirs)-1] {
		if (dir == "lib" || dir == "lib64") && i+2 < len(dirs) && pythonDir.MatchString(dirs[i+1]) {
			return dirs[i+2] != "site-packages" && dirs[i+2] != "dist-packages"
		}
	}
	return false
}

// goRoots are the first elements of the import paths of Go's own packages ("go list std").
var goRoots = []string{
	"archive", "bufio", "bytes", "compress", "container", "context", "crypto", "database", "debug", "embed", "encoding", "errors",
	"expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter", "log", "maps", "math", "mime", "net", "os",
	"path", "plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing",
	"text", "time", "unicode", "unique", "unsafe", "vendor", "weak",
}

// standardGo reports whether a function, "net/http.(*Transport).dial", is of Go's own library.
func standardGo(function string) bool {
	root := function
	if i := strings.IndexAny(root, "/."); i >= 0 {
		root = root[:i]
	}
	// github.com/x/y: the first element of anybody else's path has a dot before its slash.
	if slash, dot := strings.IndexByte(function, '/'), strings.IndexByte(function, '.'); slash >= 0 && dot >= 0 && dot < slash {
		return false
	}
	return slices.Contains(goRoots, root)
}

// ofJDK reports whether a method, "java.net.Socket.connect", is of the JDK.
func ofJDK(function string) bool {
	for _, prefix := range []string{"java.", "javax.", "jdk.", "sun.", "com.sun."} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
