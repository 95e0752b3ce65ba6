package callsite

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestMemoryFile: where process_vm_readv is refused, /proc/PID/mem serves.
func TestMemoryFile(t *testing.T) {
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			script := "testdata/module.py"
			p, mem, py := found(t, python, script)
			var err error
			if mem.file, err = os.Open(fmt.Sprintf("/proc/%d/mem", p.tgid)); err != nil {
				t.Fatal(err)
			}
			clear(mem.pages)
			frames, err := py.stack(p, mem)
			if err != nil {
				t.Fatal(err)
			}
			new(Reader).addText(p, frames)
			checkFrames(t, python, script, frames)
		})
	}
}

// TestThreadOnStack: without the tid of any thread, the one that is asked about is found by its stack.
func TestThreadOnStack(t *testing.T) {
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			script := "testdata/thread.py"
			p, mem, py := found(t, python, script)
			p.innerTid = -1
			frames, err := py.stack(p, mem)
			if err != nil {
				t.Fatal(err)
			}
			new(Reader).addText(p, frames)
			checkFrames(t, python, script, frames)
		})
	}
}

// found starts the script and finds its Python.
func found(t *testing.T, which interpreter, script string) (*process, *memory, *python) {
	t.Helper()
	p, err := openProcess(startBlocked(t, exec.Command(which.path, script)))
	if err != nil {
		t.Fatal(err)
	}
	mem := newMemory(p.tgid)
	t.Cleanup(mem.release)
	modules, err := p.modules()
	if err != nil {
		t.Fatal(err)
	}
	var r Reader
	py, err := r.findPython(p, mem, modules)
	if err != nil {
		t.Fatal(err)
	}
	return p, mem, py
}
