package kube

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/testhost"
)

// In a container this binary binds port 80 and nothing else.
func init() {
	if os.Getenv("KUBE_TEST_BIND") == "" {
		return
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: 80})
	}
	if err != nil {
		fmt.Print(unix.ErrnoName(err.(unix.Errno)))
	} else {
		fmt.Print("bound")
	}
	os.Exit(0)
}

// TestBindAsTheKernelDoes makes the bind in containers that are made as runtimes make them of the same fields: what is allowed
// works, what is denied ends in EACCES, and what depends on the program's file does.
func TestBindAsTheKernelDoes(t *testing.T) {
	pair := testhost.NewPair(t)
	plain := testhost.PublicCopy(t, "/proc/self/exe")
	capable := testhost.PublicCopy(t, "/proc/self/exe")
	// struct vfs_cap_data, revision 2, effective, with CAP_NET_BIND_SERVICE (bit 10) permitted: linux/capability.h.
	data := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := unix.Setxattr(capable, "security.capability", data, 0); err != nil {
		t.Skipf("needs a temporary directory whose file system has file capabilities: %v", err)
	}
	const service = "CAP_NET_BIND_SERVICE"
	for _, tt := range []struct {
		security string // securityContext
		start    string // the sysctl of the pod
		uid      uint32
		caps     []string // as WithCapabilities of containerd makes them
		noNew    bool
		want     Verdict
	}{
		{"{runAsUser: 0}", "1024", 0, testhost.DockerCaps, false, Allowed},
		{"{runAsUser: 0, capabilities: {drop: [ALL]}}", "1024", 0, []string{}, false, Denied},
		{"{runAsUser: 0, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}", "1024", 0, []string{service}, false, Allowed},
		{"{runAsUser: 0, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}, allowPrivilegeEscalation: false}", "1024", 0, []string{service}, true, Allowed},
		{"{runAsUser: 1000}", "1024", 1000, testhost.DockerCaps, false, Undecidable},
		{"{runAsUser: 1000, allowPrivilegeEscalation: false}", "1024", 1000, testhost.DockerCaps, true, Undecidable},
		{"{runAsUser: 1000, capabilities: {add: [NET_BIND_SERVICE]}, allowPrivilegeEscalation: false}", "1024", 1000, testhost.DockerCaps, true, Undecidable},
		{"{runAsUser: 1000, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}", "1024", 1000, []string{service}, false, Undecidable},
		{"{runAsUser: 1000, capabilities: {drop: [ALL]}}", "1024", 1000, []string{}, false, Denied},
		{"{runAsUser: 1000, capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false}", "80", 1000, []string{}, true, Allowed},
		{"{runAsUser: 1000, capabilities: {drop: [ALL]}}", "81", 1000, []string{}, false, Denied},
	} {
		t.Run(tt.security+" from "+tt.start, func(t *testing.T) {
			e := evaluate(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n"+
				"  securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: '"+tt.start+"'}]}\n"+
				"  containers: [{name: c, securityContext: "+tt.security+"}]\n")
			w, _ := e.cluster.Workload("Pod", "shop", "p")
			if d := e.Bind(w, 80)[0]; d.Verdict != tt.want {
				t.Fatalf("%v, want %v: %v %v", d.Verdict, tt.want, d.Chain, d.Reasons)
			}
			host := pair.Client.With(t)
			host.Sysctl("net.ipv4.ip_unprivileged_port_start", tt.start)
			run := func(argv ...string) string {
				cmd := testhost.DockerDefault(t, testhost.Container{UID: tt.uid, Caps: tt.caps, NoNewPrivs: tt.noNew, Env: []string{"KUBE_TEST_BIND=1"}, Dir: "/"}, argv...)
				var out strings.Builder
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := host.Start(cmd); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				return out.String()
			}
			want := map[Verdict][2]string{Allowed: {"bound", "bound"}, Denied: {"EACCES", "EACCES"}, Undecidable: {"EACCES", "bound"}}[tt.want]
			if got := run(plain); got != want[0] {
				t.Errorf("a plain program: %q, want %q", got, want[0])
			}
			got := run(capable)
			if len(tt.caps) == 0 {
				// Not even executed: its file asks for a capability that the container cannot have (execve(2), EPERM).
				if want := "Operation not permitted"; !strings.Contains(got, want) {
					t.Errorf("a program whose file has the capability: %q, want %q", got, want)
				}
				return
			}
			if got != want[1] {
				t.Errorf("a program whose file has the capability: %q, want %q", got, want[1])
			}
			if tt.noNew && tt.want == Undecidable {
				// By way of a shell it is not the first program any more.
				if got := run("/bin/sh", "-c", "exec "+capable); got != "EACCES" {
					t.Errorf("such a program as the second one: %q, want EACCES", got)
				}
			}
		})
	}
}
