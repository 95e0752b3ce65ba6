package kube

import (
	"net/netip"
	"strings"
)

// Workload is a pod, or an object that makes pods from a template: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job,
// CronJob, ReplicationController, DeploymentConfig. [Meta.Kind] tells which.
type Workload struct {
	Meta
	Pod PodTemplate
	// Replicas is how many pods are asked for: -1 where the kind has none or the field is absent.
	Replicas int

	// What only a pod that runs has.
	PodIPs  []netip.Addr // status.podIPs, or status.podIP
	HostIPs []netip.Addr // status.hostIPs, or status.hostIP
	Phase   string       // status.phase: "" where there is no status
	Ready   Tristate     // status.conditions, the one of type Ready
}

// IsPod reports whether the workload is one pod, rather than a template of some.
func (w *Workload) IsPod() bool { return w.Kind == "Pod" }

// Ended reports whether the pod has run to its end, and has no address any more.
func (w *Workload) Ended() bool { return w.Phase == "Succeeded" || w.Phase == "Failed" }

// deployment is the name of the Deployment that made the ReplicaSet that made a pod, as the pod tells it: the ReplicaSet's name ends in
// the hash that both have for a label (pod-template-hash; NewReplicaSet in pkg/controller/deployment/sync.go of Kubernetes). It is empty for
// others.
func (w *Workload) deployment() string {
	hash := w.Pod.Labels["pod-template-hash"]
	if w.Owner.Kind != "ReplicaSet" || hash == "" {
		return ""
	}
	if name, ok := strings.CutSuffix(w.Owner.Name, "-"+hash); ok {
		return name
	}
	return ""
}

// Tristate is a boolean that may be absent.
type Tristate uint8

const (
	Unset Tristate = iota
	True
	False
)

// PodTemplate is what a pod, or the template of some, declares.
type PodTemplate struct {
	Pos
	Labels             Labels // what selectors of pods match
	Annotations        map[string]string
	HostNetwork        bool
	NodeName           string
	NodeSelector       Labels
	ServiceAccountName string // "default" where it is absent, as the API server fills in
	DNSPolicy          string // "ClusterFirst" where it is absent
	HostAliases        []HostAlias
	Containers         []Container // init containers first
	Security           PodSecurity
	Volumes            []string // kinds of its volumes, as SecurityContextConstraints name them: "configMap", "hostPath"
	// Constrained are other fields that SecurityContextConstraints look at, and that are not read.
	Constrained []string
}

// HostAlias is a line of the pod's /etc/hosts.
type HostAlias struct {
	Pos
	Address netip.Addr
	Names   []string
}

// Container is a container of a pod.
type Container struct {
	Pos
	Name string
	// Init tells that it runs before the others; Sidecar that it goes on beside them (restartPolicy: Always), so
	// that its ports count.
	Init, Sidecar bool
	Ports         []ContainerPort
	Env           []EnvVar // those with a value in the object; the values of valueFrom are not known
	EnvFrom       Pos      // of envFrom, which may set any variable; Line 0 for none
	EnvRefs       []KeyRef // the ConfigMaps and Secrets of envFrom
	Words         []Word   // command, then args
	Security      ContainerSecurity
}

// EnvVar is an environment variable: From tells that its value comes from elsewhere.
type EnvVar struct {
	Pos
	Name, Value string
	From        bool
	Ref         KeyRef // where From is set, and it is of a ConfigMap or a Secret
}

// ContainerPort is a port that a container says it listens on. It documents; only its name has a meaning for policies.
type ContainerPort struct {
	Pos
	Name     string // "" for none
	Number   uint16
	HostPort uint16 // 0 for none
	Protocol Protocol
}

// PodSecurity is spec.securityContext.
type PodSecurity struct {
	RunAsUser, RunAsGroup *int64
	RunAsNonRoot          Tristate
	Sysctls               []Sysctl

	UserPos, NonRootPos Pos // of runAsUser and runAsNonRoot
	constrained         []string
}

// Sysctl is a kernel parameter that is set in the pod's namespaces.
type Sysctl struct {
	Pos
	Name, Value string
}

// ContainerSecurity is a container's securityContext. What is absent here is as [PodSecurity] says.
type ContainerSecurity struct {
	Pos                   // of the securityContext; zero where there is none
	RunAsUser, RunAsGroup *int64
	RunAsNonRoot          Tristate
	Privileged            Tristate
	AllowEscalation       Tristate
	Add, Drop             []string // capabilities without "CAP_", as the API has them; "ALL" among them

	UserPos, NonRootPos, PrivilegedPos, EscalationPos, CapabilitiesPos Pos
	constrained                                                        []string
}

// NamedPort is the number of a pod's port with a name, as Kubernetes resolves it: the first container that has it, those that
// run on before the init containers that do.
func (t *PodTemplate) NamedPort(name string, protocol Protocol) (uint16, bool) {
	for _, sidecar := range []bool{false, true} {
		for i := range t.Containers {
			c := &t.Containers[i]
			if c.Init != sidecar || c.Init && !c.Sidecar {
				continue
			}
			for _, p := range c.Ports {
				if p.Name == name && p.Protocol == protocol {
					return p.Number, true
				}
			}
		}
	}
	return 0, false
}
