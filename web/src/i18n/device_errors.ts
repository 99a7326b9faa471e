/** What is wrong with one device, and what to do about it. */
export const device_errors_en = {
  device_camera_denied:
    'The camera is blocked for this page or in the settings of the system. Click the icon beside the address, allow it, then try again.',
  device_camera_missing: 'No camera was found. Connect one, then try again.',
  device_camera_busy: 'Another program is using the camera. Close it there, then try again.',
  device_camera_gone: 'The chosen camera is not connected any more. Choose another one, then try again.',
  device_camera_failed: 'The camera could not be started. Unplug it, plug it in again and try once more.',
  device_camera_unplugged: 'The camera was disconnected. Plug it in again or choose another one; everything else goes on.',
  device_microphone_denied:
    'The microphone is blocked for this page or in the settings of the system. Click the icon beside the address, allow it, then try again.',
  device_microphone_missing: 'No microphone was found. Connect one, then try again.',
  device_microphone_busy: 'Another program is using the microphone. Close it there, then try again.',
  device_microphone_gone: 'The chosen microphone is not connected any more. Choose another one, then try again.',
  device_microphone_failed: 'The microphone could not be started. Unplug it, plug it in again and try once more.',
  device_microphone_unplugged:
    'The microphone was disconnected. Plug it in again or choose another one; everything else goes on.',
};

export const device_errors_zh: typeof device_errors_en = {
  device_camera_denied: '此页面或系统设置禁止使用摄像头。请点击地址栏旁的图标，允许后重试。',
  device_camera_missing: '没有找到摄像头，请连接后重试。',
  device_camera_busy: '摄像头正被其他程序占用，请关闭后重试。',
  device_camera_gone: '所选摄像头已断开，请选择其他摄像头后重试。',
  device_camera_failed: '摄像头无法启动，请重新插拔后再试。',
  device_camera_unplugged: '摄像头已断开。请重新连接或选择其他摄像头，其余不受影响。',
  device_microphone_denied: '此页面或系统设置禁止使用麦克风。请点击地址栏旁的图标，允许后重试。',
  device_microphone_missing: '没有找到麦克风，请连接后重试。',
  device_microphone_busy: '麦克风正被其他程序占用，请关闭后重试。',
  device_microphone_gone: '所选麦克风已断开，请选择其他麦克风后重试。',
  device_microphone_failed: '麦克风无法启动，请重新插拔后再试。',
  device_microphone_unplugged: '麦克风已断开。请重新连接或选择其他麦克风，其余不受影响。',
};
