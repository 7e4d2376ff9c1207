#!/usr/bin/env pwsh
# Two minutes with a cluster over HTTP: set, get, delete, health; kill the leader; health again. Starts three nodes of its own,
# which are gone with their data when it ends. Needs PowerShell 7 and raftdeck: a release build (cargo build --release), one
# on the PATH, or the one that $env:RAFTDECK names. $env:HOST_ADDRESS is the address they serve at. tour.sh is the same with curl.
#Requires -Version 7.0
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$root = Split-Path -Parent $PSScriptRoot
$raftdeck = if ($env:RAFTDECK) { $env:RAFTDECK } else { Join-Path $root 'target/release/raftdeck' }
if (-not (Test-Path -LiteralPath $raftdeck -PathType Leaf)) {
    $found = Get-Command raftdeck -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if (-not $found) { throw 'build it first: cargo build --release' }
    $raftdeck = $found.Source
}
$address = if ($env:HOST_ADDRESS) { $env:HOST_ADDRESS } else { '127.0.0.1' }
$data = Join-Path ([IO.Path]::GetTempPath()) ('raftdeck-tour-' + [Guid]::NewGuid().ToString('N'))
$nodes = @{}

function Get-Url([int]$Id, [string]$Path) { "http://${address}:$(11079 + $Id)$Path" }

function Start-Node([int]$Id) {
    $arguments = @(
        'node', '--node-id', "$Id"
        '--cluster', "${address}:8080,${address}:8081,${address}:8082"
        '--data-dir', "`"$(Join-Path $data "n$Id")`""
    )
    $nodes[$Id] = Start-Process -FilePath $raftdeck -ArgumentList $arguments -PassThru `
        -RedirectStandardOutput (Join-Path $data "n$Id.out") -RedirectStandardError (Join-Path $data "n$Id.log")
}

# What a node says of itself; nothing while it does not answer.
function Get-Health([int]$Id) {
    try { Invoke-RestMethod -Uri (Get-Url $Id '/health') -TimeoutSec 2 } catch { $null }
}

# The leader that all of these follow, once they follow one.
function Wait-Leader([int[]]$Ids, [string]$Except = '') {
    $deadline = (Get-Date).AddSeconds(30)
    while ((Get-Date) -lt $deadline) {
        $leaders = @($Ids | ForEach-Object { $health = Get-Health $_; if ($health) { $health.leaderId } } |
                Where-Object { $_ -and $_ -ne $Except })
        if ($leaders.Count -eq $Ids.Count -and @($leaders | Sort-Object -Unique).Count -eq 1) { return $leaders[0] }
        Start-Sleep -Milliseconds 100
    }
    throw "waited in vain for a leader of $($Ids -join ', ')"
}

function Say([string]$What) {
    Write-Host ''
    Write-Host "# $What"
}

function Show([string]$What, [scriptblock]$Action) {
    Write-Host "> $What"
    & $Action | ConvertTo-Json -Compress -Depth 5 | Write-Host
}

function Show-Health([int]$Id) { Show "GET $(Get-Url $Id '/health')" { Invoke-RestMethod -Uri (Get-Url $Id '/health') } }

function Set-Key([int]$Id, [string]$Key, [string]$Value) {
    $body = @{ key = $Key; value = $Value } | ConvertTo-Json -Compress
    Show "PUT $(Get-Url $Id '/set') $body" {
        Invoke-RestMethod -Method Put -Uri (Get-Url $Id '/set') -ContentType 'application/json' -Body $body
    }
}

try {
    New-Item -ItemType Directory -Path $data | Out-Null

    Say 'Three nodes. Any of them takes any request: a follower forwards it to the leader.'
    foreach ($id in 1..3) { Start-Node $id }
    $leader = Wait-Leader @(1, 2, 3)
    Set-Key 1 'name' 'luffy'
    Show "GET $(Get-Url 2 '/get?key=name')" { Invoke-RestMethod -Uri (Get-Url 2 '/get?key=name') }

    Say "A key that is deleted is gone: 404."
    Set-Key 2 'boat' 'merry'
    Show "DELETE $(Get-Url 3 '/delete?key=boat')" {
        Invoke-RestMethod -Method Delete -Uri (Get-Url 3 '/delete?key=boat')
    }
    Show "GET $(Get-Url 1 '/get?key=boat')" {
        Invoke-RestMethod -Uri (Get-Url 1 '/get?key=boat') -SkipHttpErrorCheck
    }

    Say "Exactly one of them leads."
    foreach ($id in 1..3) { Show-Health $id }

    $old = [int]$leader.Substring(1)
    $others = @(1..3 | Where-Object { $_ -ne $old })
    Say "$leader leads. It is killed, as a crash would; the others elect one of themselves, and nothing is lost."
    $nodes[$old].Kill()
    $nodes[$old].WaitForExit()
    $null = Wait-Leader $others -Except $leader
    foreach ($id in $others) { Show-Health $id }
    $other = $others[0]
    Show "GET $(Get-Url $other '/get?key=name')" { Invoke-RestMethod -Uri (Get-Url $other '/get?key=name') }

    Say "$leader comes back, as a follower."
    Start-Node $old
    $null = Wait-Leader @($old)
    Show-Health $old
}
finally {
    foreach ($node in $nodes.Values) {
        if (-not $node.HasExited) {
            $node.Kill()
            $node.WaitForExit()
        }
    }
    Remove-Item -LiteralPath $data -Recurse -Force -ErrorAction SilentlyContinue
}
