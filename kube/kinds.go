package kube

import (
	"strings"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// kind is how a kind of objects is read.
type kind struct {
	versions   []string // that are read; nil: any
	namespaced bool
	read       func(*reader, Meta, *tree.Node)
}

// kinds are the kinds that are read, by group and kind. A core kind has no group. More formats are added here, one entry a kind.
var kinds = map[string]kind{
	"/Namespace":             {nil, false, (*reader).namespaceObject},
	"/Pod":                   {nil, true, (*reader).pod},
	"/ReplicationController": {nil, true, (*reader).templated},
	"/Service":               {nil, true, (*reader).service},
	"/Endpoints":             {nil, true, (*reader).endpoints},
	"/Node":                  {nil, false, (*reader).node},

	"project.openshift.io/Project": {nil, false, (*reader).namespaceObject},

	"apps/Deployment":                          {nil, true, (*reader).templated},
	"apps/ReplicaSet":                          {nil, true, (*reader).templated},
	"apps/StatefulSet":                         {nil, true, (*reader).templated},
	"apps/DaemonSet":                           {nil, true, (*reader).templated},
	"extensions/Deployment":                    {nil, true, (*reader).templated},
	"extensions/ReplicaSet":                    {nil, true, (*reader).templated},
	"extensions/DaemonSet":                     {nil, true, (*reader).templated},
	"batch/Job":                                {nil, true, (*reader).templated},
	"batch/CronJob":                            {nil, true, (*reader).cronJob},
	"apps.openshift.io/DeploymentConfig":       {nil, true, (*reader).templated},
	"/DeploymentConfig":                        {nil, true, (*reader).templated}, // before OpenShift's API had groups
	"discovery.k8s.io/EndpointSlice":           {nil, true, (*reader).endpointSlice},
	"networking.k8s.io/NetworkPolicy":          {[]string{"v1"}, true, (*reader).networkPolicy},
	"extensions/NetworkPolicy":                 {[]string{"v1beta1"}, true, (*reader).networkPolicy}, // the same fields
	"k8s.ovn.org/EgressFirewall":               {[]string{"v1"}, true, (*reader).egressFirewall},
	"k8s.ovn.org/EgressIP":                     {[]string{"v1"}, false, (*reader).egressIP},
	"network.openshift.io/EgressNetworkPolicy": {[]string{"v1"}, true, (*reader).egressNetworkPolicy},
	"config.openshift.io/Proxy":                {[]string{"v1"}, false, (*reader).proxy},
	"config.openshift.io/Network":              {[]string{"v1"}, false, (*reader).clusterNetwork},

	"security.openshift.io/SecurityContextConstraints": {[]string{"v1"}, false, (*reader).scc},

	"networking.istio.io/Sidecar":             {nil, true, (*reader).meshSidecar},
	"networking.istio.io/ServiceEntry":        {nil, true, (*reader).serviceEntry},
	"networking.istio.io/VirtualService":      {nil, true, (*reader).meshRoute},
	"networking.istio.io/DestinationRule":     {nil, true, (*reader).meshRoute},
	"networking.istio.io/Gateway":             {nil, true, (*reader).meshOther},
	"networking.istio.io/EnvoyFilter":         {nil, true, (*reader).meshOther},
	"networking.istio.io/WorkloadEntry":       {nil, true, (*reader).meshOther},
	"networking.istio.io/WorkloadGroup":       {nil, true, (*reader).meshOther},
	"networking.istio.io/ProxyConfig":         {nil, true, (*reader).meshOther},
	"extensions.istio.io/WasmPlugin":          {nil, true, (*reader).meshOther},
	"telemetry.istio.io/Telemetry":            {nil, true, (*reader).meshOther},
	"security.istio.io/AuthorizationPolicy":   {nil, true, (*reader).authorizationPolicy},
	"security.istio.io/PeerAuthentication":    {nil, true, (*reader).peerAuthentication},
	"security.istio.io/RequestAuthentication": {nil, true, (*reader).meshOther},

	"cilium.io/CiliumNetworkPolicy":            {[]string{"v2"}, true, (*reader).ciliumPolicy},
	"cilium.io/CiliumClusterwideNetworkPolicy": {[]string{"v2"}, false, (*reader).ciliumPolicy},
	"cilium.io/CiliumCIDRGroup":                {[]string{"v2", "v2alpha1"}, false, (*reader).ciliumCIDRGroup},

	"policy.networking.k8s.io/AdminNetworkPolicy":         {[]string{"v1alpha1"}, false, (*reader).adminNetworkPolicy},
	"policy.networking.k8s.io/BaselineAdminNetworkPolicy": {[]string{"v1alpha1"}, false, (*reader).baselineAdminNetworkPolicy},
	"policy.networking.k8s.io/ClusterNetworkPolicy":       {[]string{"v1alpha2"}, false, (*reader).clusterNetworkPolicy},

	"/ServiceAccount": {nil, true, (*reader).serviceAccount},

	"projectcalico.org/NetworkPolicy":           {[]string{"v3"}, true, (*reader).calicoNetworkPolicy},
	"projectcalico.org/GlobalNetworkPolicy":     {[]string{"v3"}, false, (*reader).calicoGlobalNetworkPolicy},
	"projectcalico.org/Tier":                    {[]string{"v3"}, false, (*reader).calicoTier},
	"projectcalico.org/NetworkSet":              {[]string{"v3"}, true, (*reader).networkSet},
	"projectcalico.org/GlobalNetworkSet":        {[]string{"v3"}, false, (*reader).networkSet},
	"projectcalico.org/HostEndpoint":            {[]string{"v3"}, false, (*reader).hostEndpoint},
	"projectcalico.org/FelixConfiguration":      {[]string{"v3"}, false, (*reader).felixConfiguration},
	"crd.projectcalico.org/NetworkPolicy":       {[]string{"v1"}, true, (*reader).calicoNetworkPolicy},
	"crd.projectcalico.org/GlobalNetworkPolicy": {[]string{"v1"}, false, (*reader).calicoGlobalNetworkPolicy},
	"crd.projectcalico.org/Tier":                {[]string{"v1"}, false, (*reader).calicoTier},
	"crd.projectcalico.org/NetworkSet":          {[]string{"v1"}, true, (*reader).networkSet},
	"crd.projectcalico.org/GlobalNetworkSet":    {[]string{"v1"}, false, (*reader).networkSet},
	"crd.projectcalico.org/HostEndpoint":        {[]string{"v1"}, false, (*reader).hostEndpoint},
	"crd.projectcalico.org/FelixConfiguration":  {[]string{"v1"}, false, (*reader).felixConfiguration},
}

// bystanders are the core kinds that have no part in what sockets may reach.
var bystanders = map[string]bool{
	"Binding": true, "ComponentStatus": true, "ConfigMap": true, "Event": true, "LimitRange": true, "PersistentVolume": true,
	"PersistentVolumeClaim": true, "PodTemplate": true, "ResourceQuota": true, "Secret": true,
}

// calicoBystanders are the kinds of Calico that assign addresses, route and administrate. A Profile is made from each namespace and
// service account; others have a part in host endpoints only.
var calicoBystanders = map[string]bool{
	"BGPConfiguration": true, "BGPFilter": true, "BGPPeer": true, "BlockAffinity": true, "CalicoNodeStatus": true, "ClusterInformation": true,
	"IPAMBlock": true, "IPAMConfig": true, "IPAMConfiguration": true, "IPAMHandle": true, "IPPool": true, "IPReservation": true,
	"KubeControllersConfiguration": true, "LiveMigration": true, "Profile": true, "QoSPolicy": true,
	// Of Calico Enterprise and Calico Cloud.
	"AlertException": true, "BFDConfiguration": true, "DeepPacketInspection": true, "GlobalAlert": true, "GlobalAlertTemplate": true,
	"GlobalReport": true, "GlobalReportType": true, "GlobalThreatFeed": true, "LicenseKey": true, "ManagedCluster": true, "PacketCapture": true,
	"SecurityEventWebhook": true, "UISettings": true, "UISettingsGroup": true,
	// A staged policy tells what it would do, and does nothing.
	"StagedNetworkPolicy": true, "StagedGlobalNetworkPolicy": true, "StagedKubernetesNetworkPolicy": true,
}

// bystanderGroups are the API groups of which no kind has.
var bystanderGroups = map[string]bool{
	"admissionregistration.k8s.io": true, "apiextensions.k8s.io": true, "apiregistration.k8s.io": true, "authentication.k8s.io": true,
	"authorization.k8s.io": true, "autoscaling": true, "certificates.k8s.io": true, "coordination.k8s.io": true, "events.k8s.io": true,
	"flowcontrol.apiserver.k8s.io": true, "internal.apiserver.k8s.io": true, "metrics.k8s.io": true, "node.k8s.io": true, "policy": true,
	"rbac.authorization.k8s.io": true, "resource.k8s.io": true, "scheduling.k8s.io": true, "storage.k8s.io": true,
	"storagemigration.k8s.io": true, "snapshot.storage.k8s.io": true,
	"authorization.openshift.io": true, "build.openshift.io": true, "image.openshift.io": true, "oauth.openshift.io": true,
	"quota.openshift.io": true, "route.openshift.io": true, "user.openshift.io": true, "console.openshift.io": true,
	"machine.openshift.io": true, "machineconfiguration.openshift.io": true, "samples.operator.openshift.io": true,
	"operator.tigera.io": true, "monitoring.coreos.com": true, "cert-manager.io": true, "operators.coreos.com": true,
}

// ciliumBystanders are the kinds of Cilium that have none.
var ciliumBystanders = map[string]bool{
	"CiliumEndpoint": true, "CiliumEndpointSlice": true, "CiliumIdentity": true, "CiliumNode": true, "CiliumEgressGatewayPolicy": true,
	"CiliumLoadBalancerIPPool": true, "CiliumPodIPPool": true, "CiliumL2AnnouncementPolicy": true, "CiliumGatewayClassConfig": true,
}

// bystander reports whether a kind has no part in what sockets may reach.
func bystander(group, kind string) bool {
	switch group {
	case "":
		return bystanders[kind]
	case "networking.k8s.io", "extensions":
		return kind == "Ingress" || kind == "IngressClass" || kind == "IPAddress" || kind == "ServiceCIDR" || kind == "PodSecurityPolicy"
	case "apps":
		return kind == "ControllerRevision"
	case "projectcalico.org", "crd.projectcalico.org":
		return calicoBystanders[kind]
	case "cilium.io": // what its agents and load balancers keep; CiliumEgressGatewayPolicy only changes the source address
		return ciliumBystanders[kind] || strings.HasPrefix(kind, "CiliumBGP")
	}
	return bystanderGroups[group]
}

// decides reports whether a kind that is not read may be of a policy, which other verdicts would have to heed: those of
// groups whose kinds are about traffic, and those named so.
func decides(group, kind string) bool {
	switch group {
	case "cilium.io", "projectcalico.org", "crd.projectcalico.org", "crd.antrea.io", "policy.networking.k8s.io", "security.istio.io":
		return true
	}
	return strings.HasSuffix(kind, "NetworkPolicy") || strings.HasSuffix(kind, "Firewall")
}
