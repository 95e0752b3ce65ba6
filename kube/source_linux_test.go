package kube

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// TestUnreadableFile reads as a user who may not. Root may read everything, so the thread's file accesses are then those of
// another user (setfsuid(2)): reading files is done on the caller's thread.
func TestUnreadableFile(t *testing.T) {
	dir, err := os.MkdirTemp("", "unreadable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write(t, dir+"/a.yaml", "")
	write(t, dir+"/sub/b.yaml", "")
	for path, mode := range map[string]os.FileMode{dir: 0o755, dir + "/a.yaml": 0, dir + "/sub": 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		runtime.LockOSThread() // for good: the thread ends with the test
		const nobody = 65534
		syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		if now, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); now != nobody {
			t.Skip("root cannot take another user's file access here")
		}
	}
	c, problems := Read(Path(dir))
	syscall.RawSyscall(syscall.SYS_SETFSUID, uintptr(os.Getuid()), 0, 0)
	equal(t, "problems", told(problems, dir), []string{"error: a.yaml: cannot be read: permission denied", "error: sub: cannot be read: permission denied"})
	equal(t, "unread", len(c.Unread), 2)
}
