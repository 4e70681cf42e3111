// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// Table is the required role of each method, by its full name: /noded.v1.JournalService/Read.
// It is read-only after it was made.
type Table map[string]nodedv1.Role

// NewTable makes the table of all methods of the registered services. Files holds their descriptors. The
// error names every method that has no role.
func NewTable(services map[string]grpc.ServiceInfo, files *protoregistry.Files) (Table, error) {
	table := make(Table)
	foreign := foreignRoles()
	var missing []string
	for service, info := range services {
		for _, method := range info.Methods {
			full := "/" + service + "/" + method.Name
			role, ok := foreign[full]
			if !ok {
				role = optionRole(files, service, method.Name)
			}
			if role == nodedv1.Role_ROLE_UNSPECIFIED {
				missing = append(missing, full)
				continue
			}
			table[full] = role
		}
	}
	slices.Sort(missing)
	var errs []error
	for _, full := range missing {
		errs = append(errs, fmt.Errorf("method %s has no required_role: it cannot be served", full))
	}
	return table, errors.Join(errs...)
}

// foreignRoles are the roles of services that are not ours, so that their .proto has no option.
func foreignRoles() Table {
	return Table{
		healthpb.Health_Check_FullMethodName:                                   nodedv1.Role_ROLE_STATS,
		healthpb.Health_List_FullMethodName:                                    nodedv1.Role_ROLE_STATS,
		healthpb.Health_Watch_FullMethodName:                                   nodedv1.Role_ROLE_STATS,
		reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      nodedv1.Role_ROLE_READER,
		reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: nodedv1.Role_ROLE_READER,
	}
}

func optionRole(files *protoregistry.Files, service, method string) nodedv1.Role {
	name := protoreflect.FullName(service).Append(protoreflect.Name(method))
	descriptor, err := files.FindDescriptorByName(name)
	if err != nil {
		return nodedv1.Role_ROLE_UNSPECIFIED
	}
	options, ok := descriptor.Options().(interface{ ProtoReflect() protoreflect.Message })
	if !ok {
		return nodedv1.Role_ROLE_UNSPECIFIED
	}
	role, ok := proto.GetExtension(options.ProtoReflect().Interface(), nodedv1.E_RequiredRole).(nodedv1.Role)
	if !ok {
		return nodedv1.Role_ROLE_UNSPECIFIED
	}
	return role
}
