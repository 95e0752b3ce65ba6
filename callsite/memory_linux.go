package callsite

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	pageSize = 4096
	// maxPages bounds what one stack reads: 64 frames with their code objects, names and line tables, and a few
	// thousand thread states.
	maxPages = 4096
	// maxReads bounds the work for one stack, whatever lists and tables say: some 50 ms.
	maxReads = 1 << 21
)

type page [pageSize]byte

// memory is the memory of a process as one stack needs it: each page is read once, so that what one stack is made
// from is read at about one time.
type memory struct {
	pid   int
	pages map[uint64]*page
	spare []*page
	reads int
	file  *os.File // /proc/PID/mem, once process_vm_readv was refused
}

var memories = sync.Pool{New: func() any { return &memory{pages: make(map[uint64]*page)} }}

func newMemory(pid int) *memory {
	m := memories.Get().(*memory)
	m.pid, m.reads = pid, 0
	return m
}

// release gives the memory back; it must not be used any more.
func (m *memory) release() {
	m.forget()
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
	memories.Put(m)
}

// forget has every page read anew.
func (m *memory) forget() {
	const maxSpare = 128
	for addr, p := range m.pages {
		if len(m.spare) < maxSpare {
			m.spare = append(m.spare, p)
		}
		delete(m.pages, addr)
	}
}

// read fills buf from addr.
func (m *memory) read(addr uint64, buf []byte) error {
	if m.reads++; m.reads > maxReads {
		return fmt.Errorf("%w: more than %d pieces of memory to read", ErrUnknown, maxReads)
	}
	for len(buf) > 0 {
		start := addr &^ (pageSize - 1)
		p, err := m.page(start)
		if err != nil {
			return err
		}
		n := copy(buf, p[addr-start:])
		addr += uint64(n)
		buf = buf[n:]
	}
	return nil
}

func (m *memory) page(start uint64) (*page, error) {
	if p := m.pages[start]; p != nil {
		return p, nil
	}
	if len(m.pages) >= maxPages {
		return nil, fmt.Errorf("%w: more than %d pages of memory to read", ErrUnknown, maxPages)
	}
	var p *page
	if n := len(m.spare); n > 0 {
		p, m.spare = m.spare[n-1], m.spare[:n-1]
	} else {
		p = new(page)
	}
	if err := m.readPage(start, p); err != nil {
		return nil, fmt.Errorf("%w: read memory of process %d at %#x: %w", ErrUnknown, m.pid, start, err)
	}
	m.pages[start] = p
	return p, nil
}

func (m *memory) readPage(start uint64, p *page) error {
	if start < pageSize || start >= 1<<56 {
		return unix.EFAULT
	}
	if m.file == nil {
		local := []unix.Iovec{{Base: &p[0], Len: pageSize}}
		remote := []unix.RemoteIovec{{Base: uintptr(start), Len: pageSize}}
		n, err := unix.ProcessVMReadv(m.pid, local, remote, 0)
		if err == nil && n != pageSize {
			err = unix.EFAULT
		}
		// Containers' seccomp profiles refuse process_vm_readv where they let /proc/PID/mem be.
		if err != unix.EPERM && err != unix.ENOSYS {
			return err
		}
		file, openErr := os.Open(fmt.Sprintf("/proc/%d/mem", m.pid))
		if openErr != nil {
			return openErr
		}
		m.file = file
	}
	_, err := m.file.ReadAt(p[:], int64(start))
	return err
}

func (m *memory) u64(addr uint64) (uint64, error) {
	var b [8]byte
	err := m.read(addr, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (m *memory) u32(addr uint64) (uint32, error) {
	var b [4]byte
	err := m.read(addr, b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (m *memory) u8(addr uint64) (uint8, error) {
	var b [1]byte
	err := m.read(addr, b[:])
	return b[0], err
}
