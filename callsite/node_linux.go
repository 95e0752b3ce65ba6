package callsite

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"
)

//go:embed node_hook.js
var nodeHook []byte

// Node is a hook that Node programs load, with the directory that it and the stacks lie in. It is for users who ask for it:
// the program finds it in NODE_OPTIONS.
type Node struct{ dir string }

// NewNode writes the hook where all users can read it: a program may take on another's rights, and Node does not
// start without what it is to load.
func NewNode() (*Node, error) {
	dir, err := os.MkdirTemp("", "sallyport-node-")
	if err != nil {
		return nil, err
	}
	n := &Node{dir}
	if strings.ContainsAny(dir, " \t\"\\") {
		err = fmt.Errorf("the directory for temporary files has a name that NODE_OPTIONS can't hold: %q", dir)
	}
	// As /tmp: threads of all users put their stacks there, and nobody removes another's.
	err = errors.Join(err, os.Chmod(dir, 0o777|os.ModeSticky), os.WriteFile(n.hook(), nodeHook, 0o600), os.Chmod(n.hook(), 0o644))
	if err != nil {
		return nil, errors.Join(err, n.Remove())
	}
	return n, nil
}

// Dir is the directory that Remove removes.
func (n *Node) Dir() string { return n.dir }

func (n *Node) hook() string { return filepath.Join(n.dir, "hook.js") }

// Env is the environment with the hook added to what Node is to load.
func (n *Node) Env(env []string) []string {
	const name = "NODE_OPTIONS="
	env = slices.Clone(env)
	for i, v := range env {
		if strings.HasPrefix(v, name) {
			env[i] = strings.TrimSuffix(v, " ") + " --require=" + n.hook()
			return env
		}
	}
	return append(env, name+"--require="+n.hook())
}

// Remove removes the hook. No Node program with this environment starts after that.
func (n *Node) Remove() error { return os.RemoveAll(n.dir) }

// stack is what the hook tells of a thread that binds or connects now.
func (n *Node) stack(p *process) ([]attempt.Frame, error) {
	fail := func(err error) ([]attempt.Frame, error) { return nil, fmt.Errorf("%w: %w", ErrUnknown, err) }
	namespace, err := os.Readlink(p.path("ns/pid"))
	if err != nil {
		return fail(err)
	}
	digits := strings.Trim(namespace, "pid:[]")
	// The program could put anything there.
	fd, err := unix.Open(fmt.Sprintf("%s/%s-%d", n.dir, digits, p.innerTid), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	f := os.NewFile(uintptr(fd), "stack")
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return fail(errors.New("the hook's stack is not a regular file"))
	}
	const limit = 64 << 10
	text, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return fail(err)
	}
	return readNode(text)
}

// readNode reads a stack as the hook writes it, and leaves out what of Node's own lies around the program's.
func readNode(text []byte) ([]attempt.Frame, error) {
	var frames []attempt.Frame
	if err := json.Unmarshal(text, &frames); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	for i := range frames {
		f := &frames[i]
		f.Line, f.Text = max(0, f.Line), ""
		f.File = strings.TrimPrefix(f.File, "file://") // a module's
	}
	ofNode := func(f attempt.Frame) bool { return f.File == "" || strings.HasPrefix(f.File, "node:") }
	first, last := 0, len(frames)
	for first < last && ofNode(frames[first]) {
		first++
	}
	for last > first && ofNode(frames[last-1]) {
		last--
	}
	if first < last {
		frames = frames[first:last]
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("%w: the hook tells of no frame", ErrUnknown)
	}
	return frames[:min(len(frames), maxFrames)], nil
}
