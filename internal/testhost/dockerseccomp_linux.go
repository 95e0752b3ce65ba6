package testhost

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// DockerCaps are the capabilities that Docker leaves to a container by default (moby, daemon/pkg/oci/caps/defaults.go).
var DockerCaps = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// Container says how a program runs under Docker's default seccomp profile.
type Container struct {
	UID uint32 // 0: root in the container
	// Caps are its capabilities; nil means DockerCaps for root, and none for another user. The profile
	// allows more calls where there are more of them.
	Caps       []string
	NoNewPrivs bool     // as OpenShift's restricted SCC and allowPrivilegeEscalation: false have it
	Env        []string // nil: this process's environment
	Dir        string   // "": this process's working directory
}

// enter makes the machine fit for crun, in a mount namespace of its own, and runs it. crun refuses a mixture of cgroup
// versions, even when it is told to make no cgroup; and it takes a root directory other than /.
const enter = `set -e
mount --make-rprivate /
if [ -d /sys/fs/cgroup ]; then mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || mount -t tmpfs none /sys/fs/cgroup; fi
mount --rbind / "$1/rootfs"
exec "$2" --cgroup-manager=disabled --root "$1/state" run --bundle "$1" "$3"`

// DockerDefault is a command that runs a program under Docker's default seccomp profile, github.com/moby/profiles, and with
// the capabilities that Docker leaves it, by crun: on this machine's files and network, and with its processes in
// sight. Streams and exit status are the program's. It skips the test where crun or root is missing.
func DockerDefault(t testing.TB, c Container, argv ...string) *exec.Cmd {
	t.Helper()
	NeedRoot(t)
	crun, unshare := Need(t, "crun", "crun"), Need(t, "unshare", "util-linux")
	path, err := exec.LookPath(argv[0])
	if err != nil {
		t.Fatal(err)
	}
	if path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	spec := c.spec(t, append([]string{path}, argv[1:]...))
	config, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	name := "sallyport-" + strings.ReplaceAll(strings.TrimPrefix(dir, "/"), "/", "-")
	return exec.Command(unshare, "--mount", "/bin/sh", "-c", enter, "sh", dir, crun, name)
}

func (c Container) spec(t testing.TB, argv []string) *specs.Spec {
	t.Helper()
	caps, env, dir := c.Caps, c.Env, c.Dir
	if caps == nil && c.UID == 0 {
		caps = DockerCaps
	}
	if env == nil {
		env = os.Environ()
	}
	if dir == "" {
		var err error
		if dir, err = os.Getwd(); err != nil {
			t.Fatal(err)
		}
	}
	spec := &specs.Spec{
		Version: "1.0.0",
		Root:    &specs.Root{Path: "rootfs"},
		Mounts:  []specs.Mount{{Destination: "/proc", Source: "/proc", Type: "bind", Options: []string{"rbind"}}}, // crun wants one
		Process: &specs.Process{
			Args: argv, Env: env, Cwd: dir, NoNewPrivileges: c.NoNewPrivs,
			User:         specs.User{UID: c.UID, GID: c.UID},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps},
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
	}
	if c.UID != 0 && c.Caps == nil {
		// The bounding set is a container's, whoever runs in it.
		spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: DockerCaps}
	}
	filter, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Linux.Seccomp = filter
	return spec
}

// PublicCopy is a copy of a program that any user may execute, until the test ends: the directories that go
// builds tests in are their owner's only.
func PublicCopy(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "testhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}
