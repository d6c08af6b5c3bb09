/** iproute2's `ip`: the one program that the Linux router itself needs. */
import { systemTool, type Tool } from '../firewall/tool.ts';

export const systemIp: Tool = systemTool('ip', 'iproute2');
