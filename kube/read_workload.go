package kube

import (
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// pod reads a Pod: it is its own template.
func (r *reader) pod(m Meta, n *tree.Node) {
	w := r.workload(m)
	spec, status := r.body(n)
	w.Pod.Pos, w.Pod.Labels, w.Pod.Annotations = w.Pos, w.Labels, w.Annotations
	if spec != nil {
		r.podSpec(spec, &w.Pod)
	} else {
		r.errorf(n, "has no spec: want one with containers:")
	}
	if status != nil {
		r.podStatus(status, w)
	}
}

// templated reads what has spec.template.
func (r *reader) templated(m Meta, n *tree.Node) {
	w := r.workload(m)
	spec, _ := r.body(n)
	r.template(n, spec, w)
}

// cronJob reads a CronJob, whose template is that of the jobs in spec.jobTemplate.
func (r *reader) cronJob(m Meta, n *tree.Node) {
	w := r.workload(m)
	spec, _ := r.body(n)
	job := spec.Get("jobTemplate").Get("spec")
	if job == nil {
		r.errorf(n, "has no spec.jobTemplate.spec: want one with template:")
		return
	}
	r.template(n, job, w)
}

func (r *reader) workload(m Meta) *Workload {
	w := &Workload{Meta: m, Replicas: -1}
	r.meta = &w.Meta
	r.out.cluster.Workloads = append(r.out.cluster.Workloads, w)
	return w
}

// template reads spec.template. The rest of spec is about how pods are made and replaced, and has no part in what they are.
func (r *reader) template(n, spec *tree.Node, w *Workload) {
	if v := spec.Get("replicas"); v != nil {
		if replicas, ok := r.integer(v); ok {
			w.Replicas = int(replicas)
		}
	}
	t := spec.Get("template")
	if t == nil || t.IsNull() {
		r.errorf(n, "has no spec.template: want one")
		return
	}
	r.push("template", 0)
	defer r.pop()
	w.Pod.Pos = r.pos(t)
	for k, v := range r.fields(t) {
		switch k.Value {
		case "metadata":
			r.templateMeta(v, w)
		case "spec":
			r.podSpec(v, &w.Pod)
		default:
			r.unknown(k, "metadata", "spec")
		}
	}
	if s := t.Get("spec"); s == nil || s.IsNull() {
		r.errorf(t, "has no spec: want one with containers:")
	}
	r.ownSelector(spec, w)
}

func (r *reader) templateMeta(n *tree.Node, w *Workload) {
	for k, v := range r.fields(n) {
		switch k.Value {
		case "labels":
			r.push("labels", 0)
			w.Pod.Labels = r.labels(v)
			r.pop()
		case "annotations":
			w.Pod.Annotations = r.stringMap(v, true)
		case "namespace":
			if s, ok := r.text(v); ok && s != "" && s != w.Namespace {
				r.warnf(v, "namespace %s is not that of the object, %s, where its pods will be", s, w.Namespace)
			}
		case "name", "generateName", "creationTimestamp", "finalizers", "ownerReferences", "uid", "resourceVersion", "selfLink", "generation", "managedFields":
		default:
			r.unread(k)
		}
	}
}

// ownSelector warns where a workload's selector does not match its own template, which the API server refuses; what its pods
// would be is not in doubt. Selectors of ReplicationController and DeploymentConfig are plain labels.
func (r *reader) ownSelector(spec *tree.Node, w *Workload) {
	n := spec.Get("selector")
	if n == nil || n.Kind != tree.Mapping || w.Kind == "Job" || w.Kind == "CronJob" {
		return
	}
	s := LabelSelector{Pos: r.pos(n)}
	errors := len(w.Errors)
	r.push("selector", 0)
	defer r.pop()
	if w.Kind == "ReplicationController" || w.Kind == "DeploymentConfig" {
		r.matchLabels(n, &s)
	} else {
		s = r.selector(n)
	}
	if len(w.Errors) == errors && !s.Matches(w.Pod.Labels) {
		r.warnf(n, "%s does not select the pods of its own template, so the API server does not take it", s.String())
	}
}

func (r *reader) podSpec(n *tree.Node, t *PodTemplate) {
	t.ServiceAccountName, t.DNSPolicy = "default", "ClusterFirst"
	var init, containers []Container
	for k, v := range r.fields(n) {
		switch k.Value {
		case "hostNetwork":
			t.HostNetwork, _ = r.boolean(v)
		case "nodeName":
			t.NodeName, _ = r.text(v)
		case "nodeSelector":
			t.NodeSelector = r.stringMap(v, false)
		case "serviceAccountName":
			if s, ok := r.text(v); ok && s != "" {
				t.ServiceAccountName = s
			}
		case "serviceAccount": // the deprecated name of the field, that servers still write
			if s, ok := r.text(v); ok && s != "" && n.Get("serviceAccountName") == nil {
				t.ServiceAccountName = s
			}
		case "dnsPolicy":
			if s, ok := r.text(v); ok && s != "" {
				t.DNSPolicy = s
			}
		case "hostAliases":
			for _, item := range r.items(v, "aliases", "hostAliases") {
				a := HostAlias{Pos: r.pos(item)}
				if ip := item.Get("ip"); ip != nil {
					a.Address, _ = r.address(ip)
				}
				if names := item.Get("hostnames"); names != nil {
					a.Names = r.texts(names)
				}
				t.HostAliases = append(t.HostAliases, a)
			}
		case "initContainers":
			init = r.containers(v, "init container", true)
		case "containers":
			containers = r.containers(v, "container", false)
		case "securityContext":
			r.push("securityContext", 0)
			r.podSecurity(v, &t.Security)
			r.pop()
		case "volumes":
			for _, item := range r.items(v, "volumes", "volume") {
				for k := range r.fields(item) {
					if k.Value != "name" {
						t.Volumes = append(t.Volumes, k.Value)
					}
				}
			}
		case "hostIPC", "hostPID":
			if on, _ := r.boolean(v); on {
				t.Constrained = append(t.Constrained, k.Value)
			}
		case "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "dnsConfig", "enableServiceLinks", "ephemeralContainers",
			"hostUsers", "hostname", "hostnameOverride", "imagePullSecrets", "os", "overhead", "preemptionPolicy", "priority",
			"priorityClassName", "readinessGates", "resourceClaims", "resources", "restartPolicy", "runtimeClassName", "schedulerName",
			"schedulingGates", "schedulingGroup", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds",
			"tolerations", "topologySpreadConstraints", "workloadRef":
		default:
			r.unread(k)
		}
	}
	t.Containers = append(init, containers...)
	t.Constrained = append(t.Constrained, t.Security.constrained...)
	for i := range t.Containers {
		t.Constrained = append(t.Constrained, t.Containers[i].Security.constrained...)
	}
}

func (r *reader) containers(n *tree.Node, one string, init bool) []Container {
	var out []Container
	for _, item := range r.items(n, "containers", one) {
		c := Container{Pos: r.pos(item), Init: init}
		for k, v := range r.fields(item) {
			switch k.Value {
			case "name":
				c.Name, _ = r.text(v)
			case "restartPolicy":
				s, _ := r.text(v)
				c.Sidecar = init && s == "Always"
			case "ports":
				for _, p := range r.items(v, "ports", "port") {
					c.Ports = append(c.Ports, r.containerPort(p))
				}
			case "env":
				for _, e := range r.items(v, "variables", "env") {
					c.Env = append(c.Env, r.envVar(e))
				}
			case "envFrom":
				if len(v.Content) > 0 {
					c.EnvFrom, c.EnvRefs = r.pos(v), envFrom(v)
				}
			case "securityContext":
				r.push("securityContext", 0)
				r.containerSecurity(v, &c.Security)
				r.pop()
			case "command":
				c.Words = append(r.words(v), c.Words...)
			case "args":
				c.Words = append(c.Words, r.words(v)...)
			case "image", "imagePullPolicy", "lifecycle", "livenessProbe", "readinessProbe", "resizePolicy",
				"resources", "restartPolicyRules", "startupProbe", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy",
				"tty", "volumeDevices", "volumeMounts", "workingDir":
			default:
				r.unread(k)
			}
		}
		out = append(out, c)
	}
	return out
}

func (r *reader) containerPort(n *tree.Node) ContainerPort {
	p := ContainerPort{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "name":
			p.Name, _ = r.portName(v)
		case "containerPort":
			p.Number, _ = r.portNumber(v)
		case "hostPort":
			if v.Value != "0" {
				p.HostPort, _ = r.portNumber(v)
			}
		case "protocol":
			p.Protocol, _ = r.protocol(v)
		case "hostIP":
		default:
			r.unread(k)
		}
	}
	if v := n.Get("containerPort"); v == nil || v.IsNull() {
		r.errorf(n, "has no containerPort: want a number")
	}
	return p
}

func (r *reader) envVar(n *tree.Node) EnvVar {
	e := EnvVar{Pos: r.pos(n)}
	for k, v := range r.fields(n) {
		switch k.Value {
		case "name":
			e.Name, _ = r.text(v)
		case "value":
			e.Value, _ = r.freeText(v)
		case "valueFrom":
			e.From, e.Ref = true, keyRef(v)
		default:
			r.unread(k)
		}
	}
	return e
}

func (r *reader) podSecurity(n *tree.Node, s *PodSecurity) {
	for k, v := range r.fields(n) {
		switch k.Value {
		case "runAsUser":
			s.RunAsUser, s.UserPos = r.int64(v), r.pos(v)
		case "runAsGroup":
			s.RunAsGroup = r.int64(v)
		case "runAsNonRoot":
			s.RunAsNonRoot, s.NonRootPos = r.tristate(v), r.pos(v)
		case "sysctls":
			for _, item := range r.items(v, "sysctls", "sysctl") {
				c := Sysctl{Pos: r.pos(item)}
				if name := item.Get("name"); name != nil {
					c.Name, _ = r.text(name)
					c.Name = strings.ReplaceAll(c.Name, "/", ".") // both are allowed
				}
				if value := item.Get("value"); value != nil {
					c.Value, _ = r.text(value)
				}
				s.Sysctls = append(s.Sysctls, c)
			}
		case "fsGroup", "seLinuxOptions", "seccompProfile", "supplementalGroups":
			s.constrained = append(s.constrained, k.Value)
		case "appArmorProfile", "fsGroupChangePolicy", "seLinuxChangePolicy", "supplementalGroupsPolicy", "windowsOptions":
		default:
			r.unread(k)
		}
	}
}

func (r *reader) containerSecurity(n *tree.Node, s *ContainerSecurity) {
	s.Pos = r.pos(n)
	for k, v := range r.fields(n) {
		switch k.Value {
		case "runAsUser":
			s.RunAsUser, s.UserPos = r.int64(v), r.pos(v)
		case "runAsGroup":
			s.RunAsGroup = r.int64(v)
		case "runAsNonRoot":
			s.RunAsNonRoot, s.NonRootPos = r.tristate(v), r.pos(v)
		case "privileged":
			s.Privileged, s.PrivilegedPos = r.tristate(v), r.pos(v)
		case "allowPrivilegeEscalation":
			s.AllowEscalation, s.EscalationPos = r.tristate(v), r.pos(v)
		case "capabilities":
			s.CapabilitiesPos = r.pos(k)
			for k, v := range r.fields(v) {
				switch k.Value {
				case "add":
					s.Add = r.texts(v)
				case "drop":
					s.Drop = r.texts(v)
				default:
					r.unread(k)
				}
			}
		case "procMount", "seLinuxOptions", "seccompProfile":
			s.constrained = append(s.constrained, k.Value)
		case "appArmorProfile", "readOnlyRootFilesystem", "windowsOptions":
		default:
			r.unread(k)
		}
	}
}

func (r *reader) podStatus(n *tree.Node, w *Workload) {
	r.push("status", 0)
	defer r.pop()
	var one, hostOne []tree.Node
	for k, v := range r.fields(n) {
		switch k.Value {
		case "podIP":
			one = []tree.Node{*v}
		case "podIPs":
			w.PodIPs = r.ips(v)
		case "hostIP":
			hostOne = []tree.Node{*v}
		case "hostIPs":
			w.HostIPs = r.ips(v)
		case "phase":
			w.Phase, _ = r.text(v)
		case "conditions":
			for _, c := range r.items(v, "conditions", "condition") {
				if t := c.Get("type"); t != nil && t.Value == "Ready" && c.Get("status") != nil {
					w.Ready = r.condition(c.Get("status"))
				}
			}
		}
	}
	if w.PodIPs == nil && one != nil && one[0].Value != "" {
		w.PodIPs = r.addresses(&tree.Node{Kind: tree.Sequence, Content: one})
	}
	if w.HostIPs == nil && hostOne != nil && hostOne[0].Value != "" {
		w.HostIPs = r.addresses(&tree.Node{Kind: tree.Sequence, Content: hostOne})
	}
}

// ips reads [{ip: 10.0.0.1}].
func (r *reader) ips(n *tree.Node) []netip.Addr {
	var out []netip.Addr
	for _, item := range r.items(n, "addresses", "address") {
		if v := item.Get("ip"); v != nil {
			if a, ok := r.address(v); ok {
				out = append(out, a)
			}
		}
	}
	return out
}
