#!/usr/bin/perl
# Writes on a mounted file system until it is told to end, and says what it has synced.
#
#   writer.pl FOLDER PREFIX PORT
#
# Two processes append records of 4 KiB, each synced before it is told on PORT as "PROCESS NUMBER";
# a third one writes and removes bigger files and syncs none. tests/systemd/load.ts reads them.
use strict;
use warnings;
use IO::Handle;

my ($folder, $prefix, $port) = @ARGV;
open(my $told, '>', $port) or die "$port: $!\n";

sub append_synced {
    my ($process) = @_;
    open(my $file, '>>', "$folder/$prefix-$process") or die "$folder: $!\n";
    for (my $number = (-s $file) / 4096; $number < 4096; $number++) {
        my $record = sprintf("%-63s\n", "$prefix $process $number") x 64;
        (syswrite($file, $record) // 0) == 4096 or die "write of record $number: $!\n";
        $file->sync or die "sync of record $number: $!\n";
        syswrite($told, "$process $number\n");
    }
    sleep;
}

sub churn {
    for (my $round = 0;; $round++) {
        my $name = "$folder/$prefix-churn" . $round % 4;
        open(my $file, '>', $name) or die "$name: $!\n";
        for (1 .. 64) { syswrite($file, $round x 65536, 65536) // die "$name: $!\n" }
        close($file) or die "$name: $!\n";
        unlink("$folder/$prefix-churn" . ($round + 2) % 4);
        select(undef, undef, undef, 0.2);
    }
}

for my $process (0, 1, 2) {
    my $child = fork // die "fork: $!\n";
    next if $child;
    $process < 2 ? append_synced($process) : churn();
}
# Ends when one of them does: only an error or a signal ends one.
wait;
warn "$prefix: a process ended with $?\n";
exit 1;
