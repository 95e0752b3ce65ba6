package doctor

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestContainer(t *testing.T) {
	file := &fstest.MapFile{}
	cgroup := func(s string) fstest.MapFS { return fstest.MapFS{"proc/1/cgroup": {Data: []byte(s)}} }
	tests := []struct {
		name string
		root fstest.MapFS
		env  string
		uid  int
		want string
	}{
		{"none", fstest.MapFS{}, "", 1000, ""},
		{"none, systemd", cgroup("0::/init.scope\n"), "", 0, ""},
		{"docker", fstest.MapFS{".dockerenv": file}, "", 0, "Docker (/.dockerenv)"},
		{"podman", fstest.MapFS{"run/.containerenv": file}, "container=podman", 0, "Podman or CRI-O (/run/.containerenv)"},
		{"nspawn", fstest.MapFS{}, "container=systemd-nspawn", 0, "systemd-nspawn (container=)"},
		{"cgroup v1", cgroup("12:pids:/docker/0123abcd\n"), "", 0, "docker (/proc/1/cgroup)"},
		{"kubelet's cgroup", cgroup("0::/kubepods/burstable/pod12\n"), "", 0, "kubepods (/proc/1/cgroup)"},
		{"kubernetes", fstest.MapFS{}, "KUBERNETES_SERVICE_HOST=10.96.0.1", 0, "Kubernetes (KUBERNETES_SERVICE_HOST)"},
		{
			"kubernetes without service links",
			fstest.MapFS{"var/run/secrets/kubernetes.io/serviceaccount/token": file},
			"", 1000,
			"Kubernetes (/var/run/secrets/kubernetes.io)",
		},
		{
			"openshift",
			fstest.MapFS{"run/.containerenv": file},
			"KUBERNETES_SERVICE_HOST=172.30.0.1", 1000650000,
			"Podman or CRI-O (/run/.containerenv), Kubernetes (KUBERNETES_SERVICE_HOST), OpenShift, probably (a user id of a project's own range)",
		},
		{"openshift 2", fstest.MapFS{}, "OPENSHIFT_GEAR_UUID=5123", 1000, "OpenShift 2 gear (OPENSHIFT_GEAR_UUID)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, value, _ := strings.Cut(test.env, "=")
			p := Place{Root: test.root, UID: test.uid, Getenv: func(k string) string {
				if k == key {
					return value
				}
				return ""
			}}
			if got := strings.Join(p.Container(), ", "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
