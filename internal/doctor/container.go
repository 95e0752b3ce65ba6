package doctor

import (
	"io/fs"
	"strings"
)

// Place is the part of the environment that containers are told by.
type Place struct {
	Root   fs.FS // the file system, from /
	Getenv func(string) string
	UID    int
}

func (p Place) has(path string) bool {
	_, err := fs.Stat(p.Root, path)
	return err == nil
}

// Container names what kinds of container this place is in, each with what it was told by; none: nothing
// says that it is one.
func (p Place) Container() []string {
	var found []string
	add := func(kind, by string) { found = append(found, kind+" ("+by+")") }
	if p.has(".dockerenv") {
		add("Docker", "/.dockerenv")
	}
	if p.has("run/.containerenv") {
		add("Podman or CRI-O", "/run/.containerenv")
	}
	kubernetes := ""
	switch {
	case p.Getenv("KUBERNETES_SERVICE_HOST") != "":
		kubernetes = "KUBERNETES_SERVICE_HOST"
	case p.has("var/run/secrets/kubernetes.io"):
		kubernetes = "/var/run/secrets/kubernetes.io"
	}
	if kubernetes != "" {
		add("Kubernetes", kubernetes)
	}
	switch {
	case p.Getenv("OPENSHIFT_GEAR_UUID") != "":
		add("OpenShift 2 gear", "OPENSHIFT_GEAR_UUID")
	case p.Getenv("OPENSHIFT_BUILD_NAME") != "":
		add("OpenShift", "OPENSHIFT_BUILD_NAME")
	case p.has("var/run/secrets/openshift.io"):
		add("OpenShift", "/var/run/secrets/openshift.io")
	case kubernetes != "" && p.UID >= 1_000_000_000:
		add("OpenShift, probably", "a user id of a project's own range")
	}
	if len(found) > 0 {
		return found
	}
	if kind := p.Getenv("container"); kind != "" {
		add(kind, "container=")
		return found
	}
	cgroup, _ := fs.ReadFile(p.Root, "proc/1/cgroup")
	for _, kind := range []string{"docker", "kubepods", "libpod", "containerd", "lxc"} {
		if strings.Contains(string(cgroup), "/"+kind) {
			add(kind, "/proc/1/cgroup")
			break
		}
	}
	return found
}
