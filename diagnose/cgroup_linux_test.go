package diagnose

import "testing"

func TestCgroupPath(t *testing.T) {
	const hybrid = "9:name=systemd:/\n4:memory:/x\n0::/system.slice/a.service\n"
	if got := cgroupPath(hybrid); got != "/system.slice/a.service" {
		t.Errorf("got %q", got)
	}
	if got := cgroupPath("4:memory:/x\n"); got != "" {
		t.Errorf("without v2: got %q", got)
	}
}

func TestCgroup2Mount(t *testing.T) {
	const info = "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n31 30 0:27 /pod /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw\n"
	if mount, within := cgroup2Mount(info); mount != "/sys/fs/cgroup/unified" || within != "/pod" {
		t.Errorf("got %q, %q", mount, within)
	}
}
