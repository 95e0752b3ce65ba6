package diagnose

import (
	"slices"
	"testing"
)

func TestCgroupPath(t *testing.T) {
	const hybrid = "9:name=systemd:/\n4:memory:/x\n0::/system.slice/a.service\n"
	if got := cgroupPath(hybrid); got != "/system.slice/a.service" {
		t.Errorf("got %q", got)
	}
	if got := cgroupPath("4:memory:/x\n"); got != "" {
		t.Errorf("without v2: got %q", got)
	}
}

func TestCgroup2Mounts(t *testing.T) {
	const info = "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n" +
		"31 30 0:27 /pod /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw\n" +
		"40 30 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 none rw\n"
	want := []cgroup2Mount{{"/sys/fs/cgroup/unified", "/pod"}, {"/sys/fs/cgroup", "/"}}
	if got := cgroup2Mounts(info); !slices.Equal(got, want) {
		t.Errorf("\ngot  %v\nwant %v", got, want)
	}
}
