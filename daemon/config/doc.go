// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config is the configuration of noded: what can be set, where values come from, and what is
// wrong with them.
//
// A value is taken from the first of these that has it: command line flag, environment variable
// (NODED_ and the key in upper case, with underscores for dots: NODED_SERVER_SOCKET), configuration
// file, default. The defaults work untouched.
//
//	loaded, err := config.Load(config.Sources{File: config.DefaultFile, Environ: os.Environ(), Flags: flags})
//	if err != nil {
//		return err // every problem, each naming its key and where it is
//	}
//	fmt.Println(loaded.Config.Server.Socket)
//
// Keys lists all keys with their documentation. The package opens nothing but the configuration file.
package config
