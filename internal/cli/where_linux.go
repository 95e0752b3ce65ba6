package cli

import (
	"os"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/callsite"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

// stacks is an Options.Where: no stack where it is not known how to read one.
func stacks(reader *callsite.Reader) func(tid int) []attempt.Frame {
	return func(tid int) []attempt.Frame {
		frames, err := reader.Stack(tid)
		if err != nil {
			return nil
		}
		return frames
	}
}

// addHook gives the program the hook for Node.
func (r *running) addHook() error {
	node, err := callsite.NewNode()
	if err != nil {
		return err
	}
	r.callsites.Node = node
	r.opts.Scratch, r.opts.Env = node.Dir(), node.Env(os.Environ())
	return nil
}

// removeHook removes the hook for Node, where there is one.
func (r *running) removeHook() {
	if r.callsites.Node == nil {
		return
	}
	if err := r.callsites.Node.Remove(); err != nil {
		shell.Problem(r.stderr, "remove the hook for Node: %v", err)
	}
}
