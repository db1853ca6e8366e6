# SPDX-License-Identifier: MIT
# fish completion for gitnfs(1)

# The command, when there is one; or, with --server, the options that say which
# server is meant.
function __gitnfs_said
	set -l words (commandline -opc)
	set -l server
	set -e words[1]
	while set -q words[1]
		switch $words[1]
			case -s -c --state-dir --config
				set -a server $words[1..2]
				set -e words[1]
			case '-*'
			case '*'
				break
		end
		set -e words[1]
	end
	if test "$argv" = --server
		string join -- \n $server
	else
		echo $words[1]
	end
end

# What the server shows, and where it shows any that there is.
function __gitnfs_names
	gitnfs (__gitnfs_said --server) status --json 2>/dev/null | sed -n '
		/"repositories":/,/^  ]/ s/^ *"name":"\\(.*\\)",*$/\\1/p
		/"roots":/,/^  ]/ s,^ *"name":"\\(.*\\)"\\,*$,\\1/,p'
end

function __gitnfs_pins
	gitnfs (__gitnfs_said --server) pin --json 2>/dev/null |
		sed -n 's/^ *"path":"\\(.*\\)",*$/\\1/p'
end

function __gitnfs_mounts
	sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - nfs gitnfs:.*/\\1/p' \
		/proc/self/mountinfo 2>/dev/null
end

complete -c gitnfs -f
set -l none 'test -z (__gitnfs_said)'
complete -c gitnfs -n $none -s s -l state-dir -r -F -d 'the server that keeps its state there'
complete -c gitnfs -n $none -s c -l config -r -F -d 'its configuration'
complete -c gitnfs -n $none -l version
complete -c gitnfs -n $none -l help
complete -c gitnfs -n $none -a mount -d 'show repositories there; starts a server'
complete -c gitnfs -n $none -a umount -d 'undo that'
complete -c gitnfs -n $none -a status -d 'how things stand'
complete -c gitnfs -n $none -a warm -d 'fetch a repository, or a part of one, now'
complete -c gitnfs -n $none -a pin -d 'the same, and have it stay; or what does'
complete -c gitnfs -n $none -a unpin -d 'let it go'
complete -c gitnfs -n $none -a du -d 'what is here, on disk and in memory'
complete -c gitnfs -n $none -a gc -d 'give disk back'
complete -c gitnfs -n $none -a refresh -d 'look at sources now'
complete -c gitnfs -n $none -a trace -d 'calls as they are answered'
complete -c gitnfs -n $none -a reload -d 'have gitnfsd read its configuration again'
complete -c gitnfs -n $none -a log-level -d 'log more or less, from now on'
complete -c gitnfs -n $none -a stop -d 'stop the server'
complete -c gitnfs -n $none -a doctor -d 'what might be in the way'
complete -c gitnfs -n 'test (__gitnfs_said) = mount' -F
complete -c gitnfs -n 'test (__gitnfs_said) = mount' -l pinned -l follow
complete -c gitnfs -n 'test (__gitnfs_said) = mount' -x -l server
complete -c gitnfs -n 'test (__gitnfs_said) = mount' -x -l options
complete -c gitnfs -n 'test (__gitnfs_said) = umount' -a '(__gitnfs_mounts)'
complete -c gitnfs -n 'test (__gitnfs_said) = umount' -a '(__fish_complete_directories)'
complete -c gitnfs -n 'test (__gitnfs_said) = status' -l json -l watch -l all
complete -c gitnfs -n 'contains (__gitnfs_said) warm pin du refresh' -a '(__gitnfs_names)'
complete -c gitnfs -n 'contains (__gitnfs_said) pin du' -l json
complete -c gitnfs -n 'test (__gitnfs_said) = gc' -x -l to
complete -c gitnfs -n 'test (__gitnfs_said) = unpin' -a '(__gitnfs_pins)'
complete -c gitnfs -n 'test (__gitnfs_said) = trace' -l misses -l json
complete -c gitnfs -n 'test (__gitnfs_said) = trace' -x -l slow
complete -c gitnfs -n 'test (__gitnfs_said) = log-level' -a 'error warning info debug'
