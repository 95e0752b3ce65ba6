package callsite

import (
	"fmt"
	"os"
	"strings"
)

// module is an ELF file that is mapped into a process.
type module struct {
	mapping      // its first: offset 0
	main    bool // the executable
}

// modules are the executable and what is loaded beside it, the executable first.
func (p *process) modules() ([]module, error) {
	maps, err := p.mappings()
	if err != nil {
		return nil, err
	}
	exe, err := os.Stat(p.path("exe"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	inode := keyOf(exe).inode
	target, _ := os.Readlink(p.path("exe"))
	var modules []module
	for _, m := range maps {
		if m.offset != 0 || m.inode == 0 || !strings.HasPrefix(m.path, "/") {
			continue
		}
		// On overlay file systems the numbers may differ, and then the name tells.
		if (m.inode == inode || m.path == target) && (len(modules) == 0 || !modules[0].main) {
			modules = append([]module{{m, true}}, modules...)
		} else {
			modules = append(modules, module{m, false})
		}
	}
	return modules, nil
}

// open opens the module's file, as the process has it.
func (p *process) open(m module) (*os.File, error) {
	if m.main {
		return os.Open(p.path("exe"))
	}
	f, err := p.openFile(m.path)
	if err == nil {
		if info, statErr := f.Stat(); statErr == nil && keyOf(info).inode == m.inode {
			return f, nil
		}
	}
	// Replaced or deleted since; this name leads to the file that is mapped, where capabilities allow it.
	mapped, mapErr := os.Open(p.path(fmt.Sprintf("map_files/%x-%x", m.start, m.end)))
	if mapErr != nil {
		return f, err
	}
	if f != nil {
		f.Close()
	}
	return mapped, nil
}
