package unotify

import (
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// onThread runs f on a thread that is not the process's first, and returns when that has ended.
func onThread(t *testing.T, f func(tid int)) {
	t.Helper()
	ended := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			inner := make(chan int)
			go func() {
				runtime.LockOSThread()
				f(unix.Gettid())
				inner <- unix.Gettid()
			}()
			ended <- <-inner
			return
		}
		f(unix.Gettid())
		ended <- unix.Gettid()
	}()
	tid := <-ended
	until(t, "the thread ends", func() bool {
		return unix.Tgkill(unix.Getpid(), tid, 0) == unix.ESRCH
	})
}

func TestThread(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	var kept Thread
	onThread(t, func(tid int) {
		th, err := OpenThread(tid)
		if err != nil {
			t.Error(err)
			return
		}
		kept = th
		if th.TID() != tid {
			t.Errorf("TID: got %d, want %d", th.TID(), tid)
		}
		if pid, err := ProcessOf(tid); err != nil || pid != os.Getpid() {
			t.Errorf("ProcessOf: got %d, %v, want %d", pid, err, os.Getpid())
		}
		fd, err := th.GetFD(int(w.Fd()))
		if err != nil {
			t.Errorf("GetFD: %v", err)
			return
		}
		defer unix.Close(fd)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != unix.FD_CLOEXEC {
			t.Errorf("flags of the duplicate: got %d, %v, want FD_CLOEXEC", flags, err)
		}
		var want, got unix.Stat_t
		if err := unix.Fstat(int(w.Fd()), &want); err != nil {
			t.Error(err)
		}
		if err := unix.Fstat(fd, &got); err != nil || got.Ino != want.Ino {
			t.Errorf("the duplicate is inode %d, %v, want %d", got.Ino, err, want.Ino)
		}
		if fd, err := th.GetFD(1 << 20); err != unix.EBADF {
			t.Errorf("a descriptor that is not there: got %d, %v, want EBADF", fd, err)
		}
	})
	if kept.Exact() {
		if fd, err := kept.GetFD(int(w.Fd())); err != unix.ESRCH {
			t.Errorf("GetFD of a thread that has ended: got %d, %v, want ESRCH", fd, err)
		}
	} else {
		t.Log("Linux before 6.9: no handles to threads")
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenThread(kept.TID()); err != unix.ESRCH {
		t.Errorf("OpenThread of a thread that has ended: got %v, want ESRCH", err)
	}
	if pid, err := ProcessOf(kept.TID()); err != unix.ESRCH {
		t.Errorf("ProcessOf a thread that has ended: got %d, %v, want ESRCH", pid, err)
	}
}

func TestMemory(t *testing.T) {
	page := os.Getpagesize()
	m, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(m) })
	if err := unix.Mprotect(m[page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	copy(m[page-4:page], "abcd")
	addr := uint64(uintptr(unsafe.Pointer(&m[0])))
	hole := addr + uint64(page)
	self := unix.Getpid()
	// /proc/PID/mem reads and writes what is protected, as a debugger does; the second page is gone for it as well.
	if _, _, e := unix.Syscall(unix.SYS_MUNMAP, uintptr(hole), uintptr(page), 0); e != 0 {
		t.Fatal(e)
	}
	ways := []struct {
		name        string
		read, write func(tid int, addr uint64, b []byte) (int, error)
	}{
		{"process_vm_readv", ReadMemory, WriteMemory},
		{
			"/proc/PID/mem",
			func(tid int, addr uint64, b []byte) (int, error) {
				return transferFile(false, tid, addr, b, unix.EPERM)
			},
			func(tid int, addr uint64, b []byte) (int, error) { return transferFile(true, tid, addr, b, unix.EPERM) },
		},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			b := make([]byte, 16)
			want := func(what string, n int, err error, wantN int, wantErr error) {
				t.Helper()
				if n != wantN || err != wantErr {
					t.Errorf("%s: got %d, %v, want %d, %v", what, n, err, wantN, wantErr)
				}
			}
			n, err := way.read(self, hole-4, b[:4])
			want("read", n, err, 4, nil)
			if string(b[:4]) != "abcd" {
				t.Errorf("read %q, want abcd", b[:4])
			}
			n, err = way.read(self, hole-4, b)
			want("read across the end of the mapping", n, err, 4, nil)
			n, err = way.read(self, hole, b)
			want("read where nothing is mapped", n, err, 0, unix.EFAULT)
			n, err = way.read(self, 0, b)
			want("read at 0", n, err, 0, unix.EFAULT)
			n, err = way.read(self, ^uint64(0)-3, b)
			want("read in the kernel's half", n, err, 0, unix.EFAULT)
			n, err = way.write(self, addr, []byte(way.name))
			want("write", n, err, len(way.name), nil)
			if got := string(m[:len(way.name)]); got != way.name {
				t.Errorf("wrote %q, want %q", got, way.name)
			}
			n, err = way.write(self, hole-2, []byte("xyz"))
			want("write across the end of the mapping", n, err, 2, nil)
			copy(m[page-4:page], "abcd")
		})
	}
	if n, err := ReadMemory(self, addr, nil); n != 0 || err != nil {
		t.Errorf("read nothing: got %d, %v", n, err)
	}
	onceWas := 0
	onThread(t, func(tid int) { onceWas = tid })
	if n, err := ReadMemory(onceWas, addr, make([]byte, 1)); err != unix.ESRCH {
		t.Errorf("read from a thread that has ended: got %d, %v, want ESRCH", n, err)
	}
}

func TestInterrupt(t *testing.T) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	tid, done := make(chan int), make(chan error)
	go func() { // ends with the read
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- unix.Gettid()
		_, err := unix.Read(p[0], make([]byte, 1))
		done <- err
	}()
	id := <-tid
	var err error
	until(t, "the read ends", func() bool {
		if e := Interrupt(id); e != nil {
			t.Fatal(e)
		}
		select {
		case err = <-done:
			return true
		case <-time.After(time.Millisecond):
			return false
		}
	})
	if err != unix.EINTR {
		t.Errorf("the read ended in %v, want EINTR", err)
	}
	if err := Interrupt(1 << 30); err != unix.ESRCH && err != unix.EINVAL {
		t.Errorf("a thread that is not there: got %v, want ESRCH", err)
	}
}
