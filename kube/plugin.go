package kube

import (
	"maps"
	"slices"
)

// plugins are what network plugins do where the API leaves it to them. The sources are at [question.beforeTranslation].
var plugins = map[string]Assumptions{
	"amazon-vpc-cni": {BlocksSelectPods: True, EgressAfterTranslation: False},
	"antrea":         {BlocksSelectPods: True, EgressAfterTranslation: True},
	"calico":         {BlocksSelectPods: True, EgressAfterTranslation: True},
	"cilium":         {BlocksSelectPods: False, EgressAfterTranslation: True},
	"ovn-kubernetes": {BlocksSelectPods: True, EgressAfterTranslation: True},
}

// Plugins are the names of the network plugins that [PluginNamed] knows, sorted.
func Plugins() []string { return slices.Sorted(maps.Keys(plugins)) }

// PluginNamed is what a network plugin does where the API leaves it to plugins.
func PluginNamed(name string) (Assumptions, bool) {
	a, known := plugins[name]
	return a, known
}
