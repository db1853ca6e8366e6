# SPDX-License-Identifier: MIT
# fish completion for gitnfs(1)

function __gitnfs_names
	gitnfs status --json 2>/dev/null |
		string replace -rf '^ *"name":"([^"]*)",*$' '$1'
end

function __gitnfs_pins
	gitnfs pin --json 2>/dev/null |
		string replace -rf '^ *"path":"([^"]*)",*$' '$1'
end

complete -c gitnfs -f
complete -c gitnfs -n __fish_use_subcommand -s s -l state-dir -r -F -d 'the server that keeps its state there'
complete -c gitnfs -n __fish_use_subcommand -s c -l config -r -F -d 'its configuration'
complete -c gitnfs -n __fish_use_subcommand -l version
complete -c gitnfs -n __fish_use_subcommand -l help
complete -c gitnfs -n __fish_use_subcommand -a mount -d 'show repositories there; starts a server'
complete -c gitnfs -n __fish_use_subcommand -a umount -d 'undo that'
complete -c gitnfs -n __fish_use_subcommand -a status -d 'how things stand'
complete -c gitnfs -n __fish_use_subcommand -a warm -d 'fetch a repository, or a part of one, now'
complete -c gitnfs -n __fish_use_subcommand -a pin -d 'the same, and have it stay; or what does'
complete -c gitnfs -n __fish_use_subcommand -a unpin -d 'let it go'
complete -c gitnfs -n __fish_use_subcommand -a du -d 'what is here, on disk and in memory'
complete -c gitnfs -n __fish_use_subcommand -a gc -d 'give disk back'
complete -c gitnfs -n __fish_use_subcommand -a refresh -d 'look at sources now'
complete -c gitnfs -n __fish_use_subcommand -a trace -d 'calls as they are answered'
complete -c gitnfs -n __fish_use_subcommand -a reload -d 'have gitnfsd read its configuration again'
complete -c gitnfs -n __fish_use_subcommand -a log-level -d 'log more or less, from now on'
complete -c gitnfs -n __fish_use_subcommand -a stop -d 'stop the server'
complete -c gitnfs -n __fish_use_subcommand -a doctor -d 'what might be in the way'
complete -c gitnfs -n '__fish_seen_subcommand_from mount' -F -l pinned -l follow -l server -l options
complete -c gitnfs -n '__fish_seen_subcommand_from umount' -a '(__fish_complete_directories)'
complete -c gitnfs -n '__fish_seen_subcommand_from status' -l json -l watch -l all
complete -c gitnfs -n '__fish_seen_subcommand_from warm pin du refresh' -a '(__gitnfs_names)'
complete -c gitnfs -n '__fish_seen_subcommand_from pin du' -l json
complete -c gitnfs -n '__fish_seen_subcommand_from gc' -x -l to
complete -c gitnfs -n '__fish_seen_subcommand_from unpin' -a '(__gitnfs_pins)'
complete -c gitnfs -n '__fish_seen_subcommand_from trace' -l misses -l slow -l json
complete -c gitnfs -n '__fish_seen_subcommand_from log-level' -a 'error warning info debug'
